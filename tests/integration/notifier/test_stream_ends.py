"""When live updates end, and what one reader may take."""

import socket
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.notifier import streams
from shared.plumbing.mongo import Database
from tests import users
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import Person, failed, installation, installed, workspace
from tests.integration.notifier.parts import Notifier, notifier
from tests.integration.notifier.streaming import served, slug, stream
from tests.users import new_id
from tests.waiting import eventually

V1 = "/api/notifier/v1"


def short_token(souk: Notifier, person: Person, seconds: float) -> dict[str, str]:
    """A token that ends soon."""
    claims = users.claims(person.id, souk.clock.now())
    claims["exp"] = int((souk.clock.now() + timedelta(seconds=seconds)).timestamp())
    return {"Authorization": f"Bearer {users._KEY.sign(claims)}"}


def _listeners(souk: Notifier) -> int:
    hub: Any = souk.service.loops["live"].__self__  # type: ignore[attr-defined] # a bound method
    return len(hub._listeners)


async def test_a_stream_ends_with_its_token(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada))
    token = short_token(souk, ada, 4)
    async with (
        stream(base, f"{V1}/stream?workspace={space}", token) as first,
        stream(base, f"{V1}/installations/{install}/stream", token) as second,
    ):
        ends = [await first.until("end"), await second.until("end")]
        with pytest.raises(StopAsyncIteration):
            await first.next()

    assert [end.data for end in ends] == [{"reason": "token-expired"}] * 2


async def test_a_stream_ends_when_its_reader_leaves_the_workspace(souk: Notifier, base: str) -> None:
    ada, bob, space, install = Person(), Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada], [bob]), installation(install, space, ada))
    async with (
        stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada)) as hers,
        stream(base, f"{V1}/stream?workspace={space}", souk.headers(bob)) as his,
        stream(base, f"{V1}/installations/{install}/stream", souk.headers(bob)) as his_too,
    ):
        for events in (hers, his, his_too):
            await events.next()
        await souk.tell(workspace(space, [ada], version=2))
        assert (await his.next()).data == {"reason": "not-a-member"}
        assert (await his_too.next()).data == {"reason": "not-a-member"}
        await souk.tell(installed(ada, space))
        assert (await hers.next()).event == "AddOnInstalled"


async def test_a_process_that_stops_ends_its_streams(souk: Notifier, base: str) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada)) as events:
        await events.next()
        souk.service.stopping[0]()
        assert (await events.next()).data == {"reason": "server-stopping"}
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada)) as refused:
        assert await slug(refused) == (503, "streams-exhausted")


async def test_nobody_holds_too_many_streams(database: Database, mongo_url: str, mailbox: MailBox) -> None:
    async with notifier(database, mongo_url, mailbox, streams_per_user=1) as souk, served(souk.service.api) as base:
        ada, space = Person(), new_id()
        await souk.tell(workspace(space, [ada]))
        path = f"{V1}/stream?workspace={space}"
        async with stream(base, path, souk.headers(ada)) as events:
            await events.next()
            async with stream(base, path, souk.headers(ada)) as refused:
                assert await slug(refused) == (429, "too-many-streams")

        async def again() -> bool:
            async with stream(base, path, souk.headers(ada)) as reopened:
                return reopened.response.status_code == 200

        await eventually(again)
        souk.service.stopping[0]()


async def test_a_reader_that_does_not_read_is_cut_off(database: Database, mongo_url: str, mailbox: MailBox) -> None:
    async with (
        notifier(database, mongo_url, mailbox, stream_send_seconds=0.3) as souk,
        served(souk.service.api) as base,
    ):
        ada, space = Person(), new_id()
        await souk.tell(workspace(space, [ada]))
        token = souk.headers(ada)["Authorization"]
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", urlsplit(base).port))
            request = f"GET {V1}/stream?workspace={space} HTTP/1.1\r\nHost: h\r\nAuthorization: {token}\r\n\r\n"
            client.sendall(request.encode())
            await eventually(lambda: _listeners(souk))
            for _ in range(20):
                await souk.tell(*(failed(ada, space, "x" * 20_000) for _ in range(20)))
            await eventually(lambda: not _listeners(souk))


async def test_quiet_streams_beat(souk: Notifier, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada)) as events:
        assert (await events.next()).event == "hello"
        assert (await events.next()).event == "heartbeat"
