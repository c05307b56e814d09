"""Log-ins by password at the configured cost of argon2: how many a second, and the CPU that each takes."""

import argparse
import itertools
import secrets
import statistics
import time
from typing import Any

import aiohttp
import uvloop
from argon2 import PasswordHasher

from benchmarks.requests import repeat, report
from benchmarks.usage import measure, spent
from benchmarks.world import World
from deploy.local.demo.people import Person
from docs.generate import settings_of

ACCOUNTS = 8
PARTS = ("auth", "mongo")
CREATED = 201


def measured(made: World, options: argparse.Namespace) -> dict[str, Any]:
    """One at a time, and sixteen in flight; over HTTP, from real MongoDB."""
    settings: Any = settings_of("auth")
    memory, passes, lanes = settings.password_memory_kib, settings.password_passes, settings.password_lanes
    hasher = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
    stored = hasher.hash("correct horse")
    alone = []
    for _ in range(20):
        begun = time.process_time()
        hasher.verify(stored, "correct horse")
        alone.append(1000 * (time.process_time() - begun))
    people = [account(made) for _ in range(ACCOUNTS)]
    for one in people:
        one.browser.close()
    turns = itertools.cycle({"email": one.email, "password": one.password} for one in people)
    url = made.api("auth", options) + "/api/auth/v1/sessions"

    async def log_in(session: aiohttp.ClientSession) -> None:
        async with session.post(url, json=next(turns)) as answer:
            if answer.status != CREATED:
                raise RuntimeError(f"{answer.status} {await answer.text()}")
            await answer.read()

    rows = []
    for flights in (1, 16) * options.rounds:
        before = measure(made.pids())
        answers = uvloop.run(repeat(log_in, flights=flights, seconds=options.seconds))
        rows.append(answers.row(str(flights), spent(before, measure(made.pids())), PARTS))
    print(
        f"argon2id with {memory} KiB, {passes} passes, {lanes} lanes: {statistics.median(alone):.1f} ms CPU by itself"
    )
    print(report(rows, PARTS))
    return {"rows": rows, "hash_ms": alone}


def account(made: World) -> Person:
    """Somebody new, with a confirmed address."""
    person = Person(made.stack.plan.public_url, "Lola", f"lola-{secrets.token_hex(4)}@bench.example")
    person.sign_up()
    person.open_link(made.story.mailbox.wait(person.email, "confirm"))
    return person
