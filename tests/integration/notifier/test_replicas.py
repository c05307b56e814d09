"""Two replicas in processes of their own; the one that serves is killed."""

import asyncio
import signal
from pathlib import Path

import httpx

from deploy.local.ports import free
from services.notifier.cursor import Cursor
from shared.plumbing.mongo import Database
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import Person, installation, installed, workspace
from tests.integration.notifier.parts import Notifier, notifier
from tests.integration.notifier.streaming import Replica, issuer, ready, replica, stream
from tests.users import new_id

V1 = "/api/notifier/v1"
EVENTS = 60


async def test_a_client_of_a_killed_replica_goes_on_at_the_other(
    database: Database, mongo_url: str, tmp_path: Path
) -> None:
    ada, space, install = Person(), new_id(), new_id()
    ports = [tuple(free(["http", "internal"]).values()) for _ in range(2)]
    async with issuer() as keys, notifier(database, mongo_url, MailBox()) as worker:
        await worker.tell(workspace(space, [ada]), installation(install, space, ada))
        options = {"database": database.name, "mongo_url": mongo_url, "keys": keys, "kafka": "127.0.0.1:1"}
        with (
            replica(role="api", port=ports[0][0], internal_port=ports[0][1], log=tmp_path / "a", **options) as first,
            replica(role="api", port=ports[1][0], internal_port=ports[1][1], log=tmp_path / "b", **options) as second,
        ):
            await asyncio.gather(ready(first, ports[0][1]), ready(second, ports[1][1]))
            producing = asyncio.ensure_future(_produce(worker, ada, space, install))
            seen, told = await asyncio.gather(
                _read_events(worker, [first, second], ada, space),
                _read_installation(worker, [first, second], ada, install),
            )
            await producing
            await _stops_with_an_open_stream(worker, second, ada, space)

    assert sorted(seen) == sorted(f"k{number}" for number in range(EVENTS))
    assert told == list(range(2, EVENTS + 2))


async def _produce(worker: Notifier, ada: Person, space: str, install: str) -> None:
    for number in range(EVENTS):
        seq = number + 2
        event = worker.envelope(installed(ada, space, f"k{number}", install), seq=seq)
        await worker.receive(event, worker.envelope(installation(install, space, ada, version=seq, seq=seq)))
        await asyncio.sleep(0.02)


async def _read_events(worker: Notifier, replicas: list[Replica], ada: Person, space: str) -> list[str]:
    """Read all events, from the other replica once the first has died in the middle of them."""
    seen: list[str] = []
    last = Cursor(worker.clock.now()).encode()  # nothing read yet
    path = f"{V1}/stream?workspace={space}"
    for one in replicas:
        try:
            async with stream(one.base, path, worker.headers(ada), last) as events:
                while len(seen) < EVENTS:
                    event = await events.next()
                    last = event.id or last
                    if event.event == "AddOnInstalled":
                        seen.append(event.data["data"]["addon_key"])
                    if one is replicas[0] and len(seen) == EVENTS // 3:
                        one.process.send_signal(signal.SIGKILL)
        except (httpx.HTTPError, StopAsyncIteration):
            continue
    return seen


async def _read_installation(worker: Notifier, replicas: list[Replica], ada: Person, install: str) -> list[int]:
    """The `seq` of each event of one installation, after its first; the state comes before them on each replica."""
    told: list[int] = []
    last = "1"
    for one in replicas:
        try:
            async with stream(one.base, f"{V1}/installations/{install}/stream", worker.headers(ada), last) as events:
                assert (await events.next()).event == "state"
                while not told or told[-1] < EVENTS + 1:
                    event = await events.next()
                    last = event.id or last
                    if event.event == "AddOnInstalled":
                        told.append(event.data["seq"])
                        assert event.id == str(told[-1])
        except (httpx.HTTPError, StopAsyncIteration):
            continue
    return told


async def _stops_with_an_open_stream(worker: Notifier, one: Replica, ada: Person, space: str) -> None:
    """SIGTERM ends the streams first, and the process within seconds."""
    async with stream(one.base, f"{V1}/stream?workspace={space}", worker.headers(ada)) as events:
        await events.next()
        one.process.send_signal(signal.SIGTERM)
        assert (await events.until("end")).data == {"reason": "server-stopping"}
    assert await asyncio.to_thread(one.process.wait, 20) == 0
