"""`doctor [--fix]`: prints the problems of a service as JSON, and ends with 1 if one is left."""

import argparse
import asyncio
import sys
from typing import Any

from shared.plumbing.doctor import Finding, examine, mend
from shared.plumbing.doctor_checks import checks
from shared.plumbing.mongo import is_infrastructure_fault
from shared.plumbing.printing import print_json
from shared.plumbing.producer import COMMAND_SECONDS
from shared.plumbing.service import Service
from shared.plumbing.tasks import end


def add_doctor(commands: Any) -> None:
    """Declare the command with its arguments."""
    added = commands.add_parser("doctor", help="what is wrong, whose side it is on, and what mends it")
    added.add_argument("--fix", action="store_true", help="apply what is safe to do at any time")


async def doctor(service: Service, args: argparse.Namespace) -> None:
    """Examine; with `--fix` mend and examine once more. Exits with 1 if a problem is left."""
    mended: list[str] = []
    try:
        findings = await _prepare(service)
        if not any(one.slug == "database-unreachable" for one in findings):
            findings += await _examined(service, mended, fix=args.fix)
    finally:
        for step in service.close:
            await step()
        await service.client.close()
    print_json({"service": service.name, "problems": [one.told() for one in findings], "mended": mended})
    sys.exit(1 if findings else 0)


async def _prepare(service: Service) -> list[Finding]:
    """Make the indexes as any start does, and tell which were not there."""
    database = service.client[service.settings.mongo_database]

    async def indexes() -> set[str]:
        names = await database.list_collection_names()
        return {f"{name}.{index}" for name in names for index in await database[name].index_information()}

    try:
        before = await indexes()
        await service.prepare_database()
        missing = sorted(await indexes() - before)
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is the finding
        if is_infrastructure_fault(exc):
            return [Finding("database-unreachable", {"error": type(exc).__name__})]
        slug = "secrets-unreadable" if "MASTER_KEY" in str(exc) else "database-not-prepared"
        return [Finding(slug, {"error": str(exc)[:300]})]
    return [Finding("indexes-missing", {"made_now": missing})] if missing and before else []


async def _examined(service: Service, mended: list[str], *, fix: bool) -> list[Finding]:
    looks = [*checks(service), *service.checks]
    findings = await examine(looks)
    if fix and any(one.fix for one in findings):
        producing = asyncio.create_task(service.producer.run())
        try:
            await service.producer.until_connected(COMMAND_SECONDS)  # what needs no Kafka is mended without it
            mended += await mend(findings)
        finally:
            await end(producing, again=6.0)  # it flushes for up to 5 s
        findings = await examine(looks)
        still = {one.slug for one in findings}
        mended[:] = [slug for slug in mended if slug not in still]
    return findings
