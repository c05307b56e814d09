"""Faults of the services' processes: killed, told to end, stopped and woken, with wrong clocks, of an older release."""

import asyncio
import contextlib
import json
import signal
import subprocess
from functools import partial
from pathlib import Path

from deploy.local.paths import PROJECT
from shared.plumbing import failpoints
from tests.chaos.cluster import Cluster
from tests.chaos.faults.kinds import Arena, Kind
from tests.debian import bring

FREEZE_SECONDS = 30.0
READY_SECONDS = 60.0
FAILPOINT_SECONDS = 25.0
AWAKE_SECONDS = 5.0
CLOCK_SECONDS = 12.0
RELAYS = (failpoints.AFTER_SENDING, failpoints.BEFORE_CLEARING, failpoints.AFTER_CLEARING)
WITH_API = (failpoints.BEFORE_WRITE, failpoints.AFTER_WRITE, *RELAYS)  # also in processes that have the API alone
# What is sent is mostly cleared with the next write, and one group's batches are few.
SELDOM = (failpoints.BEFORE_CLEARING, failpoints.AFTER_CLEARING, failpoints.BEFORE_COMMIT)
OLDER_FIELDS = ("id", "label", "issuer", "client_id", "client_secret", "product", "trusted_email", "directory_token")
UPGRADE_BASE = Path(__file__).parents[1] / "upgrade-base"


def _process_of(arena: Arena, service: str, *, also_api: bool = False) -> str:
    names = [one for one in arena.cluster.services if one.startswith(service) and (also_api or "-api" not in one)]
    return arena.random.choice(names)


async def _back(arena: Arena, *names: str) -> None:
    """Started again; whoever is not ready in a minute has a reason, such as a database that is away too."""
    for name in names:
        await arena.cluster.begin(name)
    await arena.cluster.ready(names, 30)


async def _serves(arena: Arena, name: str) -> None:
    """Ready, or not ready yet for half a minute. Raises RuntimeError if it ended by itself: so nothing was tried."""
    await arena.cluster.ready([name], 30)
    if not arena.cluster.runs(name):
        raise RuntimeError(f"{name} did not start")


async def kill(arena: Arena) -> str:
    """`kill -9`."""
    name = arena.random.choice(arena.cluster.services)
    await arena.cluster.kill(name)
    await _back(arena, name)
    return name


async def terminate(arena: Arena) -> str:
    """SIGTERM with work under way."""
    name = arena.random.choice(arena.cluster.services)
    in_time = await arena.cluster.stop(name)
    await _back(arena, name)
    return f"{name}, which ended {'in time' if in_time else 'not in time and was killed'}"


async def freeze(arena: Arena) -> str:
    """SIGSTOP for longer than any lease and session, then SIGCONT: a zombie that believes that nothing happened."""
    name = arena.random.choice(arena.cluster.services)
    await arena.cluster.signal(name, signal.SIGSTOP)
    try:
        await asyncio.sleep(FREEZE_SECONDS)
    finally:
        await arena.cluster.signal(name, signal.SIGCONT)
    return name


async def at_failpoint(place: str, arena: Arena) -> str:
    """Killed, told to end or stopped for 30 s, exactly between two steps that belong together."""
    service = "installer"
    if place in (failpoints.BEFORE_MAIL, failpoints.AFTER_MAIL):
        service = "notifier"
    elif place == failpoints.BEFORE_COMMIT:
        service = arena.random.choice(["auth", "catalog", "installer", "notifier"])
    name = _process_of(arena, service, also_api=place in WITH_API)
    count = 1 if place in SELDOM else arena.random.randint(1, 3)
    (kind,) = arena.random.choices(["KILL", "TERM", "STOP"], [6, 2, 1])
    await arena.cluster.kill(name)
    await arena.cluster.begin(name, {"FAILPOINT": f"{place}:{count}:{kind}", "FAILPOINTS_ALLOWED": "yes"})
    struck = arena.cluster.stopped if kind == "STOP" else arena.cluster.gone
    waiting = asyncio.create_task(struck(name, 2 * READY_SECONDS))
    chance = asyncio.create_task(_has_a_chance(arena, name))
    await asyncio.wait([waiting, chance], return_when=asyncio.FIRST_COMPLETED)
    reached = waiting.done() and waiting.result()
    chance.cancel()
    if reached and kind == "STOP":
        await asyncio.sleep(FREEZE_SECONDS)
        await arena.cluster.signal(name, signal.SIGCONT)
        await asyncio.sleep(AWAKE_SECONDS)  # what it believes to own still, it tries to go on with
    await arena.cluster.kill(name)
    await waiting
    await _back(arena, name)
    if not reached:
        raise TimeoutError(f"{name} did not come to pass {count} in time")
    return f"{name}, pass {count}, SIG{kind}"


async def _has_a_chance(arena: Arena, name: str) -> None:
    """Until the process has worked for a while."""
    await arena.cluster.ready([name], READY_SECONDS)
    await asyncio.sleep(FAILPOINT_SECONDS)


async def wrong_clock(minutes: int, arena: Arena) -> str:
    """The process's own clock is off; its monotonic one is not, as on a machine whose date was set wrong."""
    name = arena.random.choice(arena.cluster.services)
    await arena.cluster.stop(name)
    env = {"LD_PRELOAD": str(_faketime()[0]), "FAKETIME": f"{minutes:+}m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    await arena.cluster.begin(name, env)
    try:
        await _serves(arena, name)
        await asyncio.sleep(CLOCK_SECONDS)
    finally:
        await arena.cluster.stop(name)
        await _back(arena, name)
    return name


async def older_release(arena: Arena) -> str:
    """Processes are rolled back to the commit of `upgrade-base` one after the other, and forward again."""
    old = await asyncio.to_thread(_checked_out, arena.cluster)
    names = list(arena.cluster.services)
    arena.random.shuffle(names)
    for folder in (old, PROJECT):
        for name in names:
            await arena.cluster.stop(name)
            await arena.cluster.begin(name, _older_settings(arena.cluster, name) if folder is old else {}, folder)
            await _serves(arena, name)
    return ", ".join(names)


def _older_settings(cluster: Cluster, name: str) -> dict[str, str]:
    """What the older release cannot read as it is: several addresses of Kafka, and newer fields of a provider."""
    plan = cluster.stack.plan
    settings = {"SOUK_KAFKA_BOOTSTRAP_SERVERS": plan.found_at(plan.kafkas[0])}
    given = json.loads(cluster.stack.parts[name].env.get("AUTH_PROVIDERS", "[]"))
    if given:
        known = [{field: one[field] for field in OLDER_FIELDS} for one in given]
        settings["AUTH_PROVIDERS"] = json.dumps(known)
    return settings


def _checked_out(cluster: Cluster) -> Path:
    """The older release in the run's folder."""
    folder = cluster.stack.plan.folder / "older-release"
    if not folder.exists():
        folder.mkdir()
        commit = UPGRADE_BASE.read_text().strip()
        archive = subprocess.run(["git", "archive", commit], cwd=PROJECT, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def _lacks_older(_: Cluster) -> str:
    commit = UPGRADE_BASE.read_text().strip()
    with contextlib.suppress(OSError):
        command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
        if subprocess.run(command, cwd=PROJECT, capture_output=True, check=False).returncode == 0:
            return ""
    return f"commit {commit} cannot be checked out here"


def _faketime() -> list[Path]:
    bring("faketime", "faketime")
    return sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def _lacks_faketime(_: Cluster) -> str:
    return "" if _faketime() else "libfaketime is not installed"


KINDS = (
    Kind("kill -9 a service", "processes", kill),
    Kind("SIGTERM a service", "processes", terminate),
    Kind("SIGSTOP a service for 30 s", "processes", freeze, most=5),
    *(Kind(f"struck at {place}", "processes", partial(at_failpoint, place)) for place in failpoints.NAMES),
    Kind("clock 10 min ahead", "processes", partial(wrong_clock, 10), _lacks_faketime),
    Kind("clock 10 min behind", "processes", partial(wrong_clock, -10), _lacks_faketime),
    Kind("rolling restart with older code", "processes", older_release, _lacks_older, most=1),
)
