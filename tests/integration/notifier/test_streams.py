"""Live updates of one replica: what members see, when streams end, and what they cost."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from services.notifier import access, streams
from services.notifier.cursor import Cursor
from shared.contracts.installer import AddOnUninstalled, InstallRequested, State
from shared.contracts.installer import Outcome as InstallOutcome
from shared.contracts.notifier import MaintenanceNoticeRaised
from shared.plumbing.mongo import Database
from tests import users
from tests.integration.notifier.parts import (
    ADDON,
    MailBox,
    Notifier,
    Person,
    addon,
    eventually,
    failed,
    installation,
    installed,
    notifier,
    workspace,
)
from tests.integration.notifier.streaming import Stream, served, stream
from tests.users import new_id

V1 = "/api/notifier/v1"


@pytest.fixture
async def base(souk: Notifier) -> AsyncIterator[str]:
    """Where the notifier of this test listens."""
    async with served(souk.service.api) as address:
        yield address
        souk.service.stopping[0]()


def short_token(souk: Notifier, person: Person, seconds: float) -> dict[str, str]:
    """A token that ends soon."""
    claims = users.claims(person.id, souk.clock.now())
    claims["exp"] = int((souk.clock.now() + timedelta(seconds=seconds)).timestamp())
    return {"Authorization": f"Bearer {users._KEY.sign(claims)}"}


async def slug(opened: Stream) -> tuple[int, str]:
    """Of a refused stream."""
    return opened.response.status_code, opened.response.json()["slug"]


async def test_events_of_the_workspace_come_as_they_happen(souk: Notifier, base: str) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]), workspace(new_id(), [ada]))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada)) as events:
        hello = await events.next()
        await souk.tell(installed(ada, new_id()))  # of another workspace
        one = souk.envelope(installed(ada, space), seq=2)
        await souk.receive(one)
        event = await events.next()

    assert (hello.event, hello.data) == ("hello", {"workspace_id": space})
    assert events.response.headers["content-type"].startswith("text/event-stream")
    assert events.response.headers["cache-control"] == "no-store"
    assert event.event == "AddOnInstalled"
    assert (event.data["id"], event.data["seq"], event.data["data"]["workspace_id"]) == (one.id, 2, space)
    assert Cursor.decode(event.id or "").offsets


async def test_a_client_that_comes_back_misses_and_doubles_nothing(souk: Notifier, base: str) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]))
    path, seen = f"{V1}/stream?workspace={space}", []
    async with stream(base, path, souk.headers(ada)) as events:
        last = (await events.next()).id
        for key in ("aa", "bb", "cc"):
            await souk.tell(installed(ada, space, key))
        for _ in range(3):
            event = await events.next()
            seen.append(event.data["data"]["addon_key"])
            last = event.id
    for key in ("dd", "ee", "ff"):
        await souk.tell(installed(ada, space, key), failed(ada, new_id()))
    async with stream(base, path, souk.headers(ada), last) as events:
        assert (await events.next()).event == "hello"
        await souk.tell(installed(ada, space, "gg"))
        seen += [(await events.next()).data["data"]["addon_key"] for _ in range(4)]

    assert sorted(seen) == ["aa", "bb", "cc", "dd", "ee", "ff", "gg"]


async def test_a_backlog_longer_than_a_page_arrives_whole(
    souk: Notifier, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PAGE", 7)
    ada, space = Person(), new_id()
    start = Cursor(souk.clock.now()).encode()
    keys = [f"k{number:02}" for number in range(40)]
    await souk.tell(workspace(space, [ada]), *(installed(ada, space, key) for key in keys))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada), start) as events:
        await events.next()
        seen = [(await events.next()).data["data"]["addon_key"] for _ in keys]

    assert sorted(seen) == keys


async def test_notices_reach_those_who_have_the_add_on(souk: Notifier, base: str) -> None:
    ada, bob, hers, his = Person(), Person(), new_id(), new_id()
    await souk.tell(workspace(hers, [ada]), workspace(his, [bob]), installation(new_id(), hers, ada))
    notice = {"text": "", "cause": "outage", "raised_at": souk.clock.now(), "version": 1}
    async with (
        stream(base, f"{V1}/stream?workspace={hers}", souk.headers(ada)) as concerned,
        stream(base, f"{V1}/stream?workspace={his}", souk.headers(bob)) as others,
    ):
        await concerned.next()
        await others.next()
        await souk.tell(MaintenanceNoticeRaised(scope=f"addon:{ADDON}", notice_id="a", **notice))
        await souk.tell(MaintenanceNoticeRaised(scope="all", notice_id="b", **notice))
        hers_seen = {(await concerned.next()).data["data"]["notice_id"] for _ in range(2)}
        his_seen = (await others.next()).data["data"]["notice_id"]

    assert hers_seen == {"a", "b"}
    assert his_seen == "b"


async def test_an_add_on_requested_meanwhile_brings_its_notices_along(souk: Notifier, base: str) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]))
    requested = InstallRequested(
        installation_id=new_id(),
        workspace_id=space,
        addon_key="late",
        generation=1,
        user_id=ada.id,
        occurred_at=souk.clock.now(),
    )
    notice = MaintenanceNoticeRaised(
        scope="addon:late", notice_id="n", cause="outage", raised_at=souk.clock.now(), version=1
    )
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada)) as events:
        await events.next()
        await souk.tell(requested)
        await events.until("InstallRequested")
        await souk.tell(notice)
        assert (await events.next()).data["data"]["notice_id"] == "n"


@pytest.mark.parametrize("path", ["stream?workspace={}", "feed?workspace={}", "snapshot?workspace={}"])
async def test_only_members_look_into_a_workspace(souk: Notifier, base: str, path: str) -> None:
    ada, eve, space = Person(), Person(), new_id()
    await souk.tell(workspace(space, [], [ada]))
    address = f"{V1}/{path}"
    async with stream(base, address.format(space), souk.headers(eve, "operator")) as refused:
        assert await slug(refused) == (404, "workspace-not-found")
    async with stream(base, address.format(new_id()), souk.headers(ada)) as refused:
        assert await slug(refused) == (404, "workspace-not-found")
    async with stream(base, address.format("not-an-id"), souk.headers(ada)) as refused:
        assert await slug(refused) == (422, "invalid-request")
    async with stream(base, address.format(space), {}) as refused:
        assert await slug(refused) == (401, "token-missing")
    async with stream(base, address.format(space), souk.headers(ada)) as allowed:
        assert allowed.response.status_code == 200


async def test_a_cursor_too_old_leads_to_the_snapshot(souk: Notifier, base: str) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]), installation(new_id(), space, ada))
    old = Cursor(souk.clock.now() - timedelta(days=14)).encode()
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada), old) as refused:
        problem = refused.response.json()
        assert (refused.response.status_code, problem["slug"]) == (410, "cursor-expired")
    snapshot = urlsplit(problem["snapshot"])
    answer = await souk.client.get(f"{snapshot.path}?{snapshot.query}", headers=souk.headers(ada))
    await souk.tell(installed(ada, space))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada), answer.json()["cursor"]) as events:
        assert (await events.next()).event == "hello"
        assert (await events.next()).event == "AddOnInstalled"
    assert [one["addon_key"] for one in answer.json()["installations"]] == [ADDON]


@pytest.mark.parametrize("cursor", ["x", base64.urlsafe_b64encode(orjson.dumps([1, {"$where": 1}])).decode()])
async def test_what_is_no_cursor_is_refused(souk: Notifier, base: str, cursor: str) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada), cursor) as refused:
        assert await slug(refused) == (400, "invalid-cursor")


async def test_a_stream_ends_with_its_token(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada))
    token = short_token(souk, ada, 2)
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


async def test_an_installation_sends_its_state_now_and_each_newer_one(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada, version=3, trouble=True))
    path = f"{V1}/installations/{install}/stream"
    async with stream(base, path, souk.headers(ada)) as events:
        first = await events.next()
        done: dict[str, Any] = {"state": State.INSTALLED, "outcome": InstallOutcome.INSTALLED, "seq": 2}
        await souk.tell(installation(install, space, ada, version=5, **done))
        second = await events.next()
    async with stream(base, path, souk.headers(ada), second.id) as events:
        await souk.tell(installation(install, space, ada, version=6, state=State.UNINSTALLED))
        third = await events.next()

    assert (first.event, first.id, first.data["state"], first.data["screen"]) == (
        "state",
        "3",
        "DELIVERING",
        "maintenance",
    )
    assert (second.id, second.data["outcome"], second.data["seq"], second.data["screen"]) == ("5", "installed", 2, None)
    assert (third.id, third.data["state"]) == ("6", "UNINSTALLED")


async def test_the_stream_of_an_install_just_accepted_waits_for_its_state(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]))

    async def later() -> None:
        await asyncio.sleep(0.3)
        await souk.tell(installation(install, space, ada))

    arriving = asyncio.ensure_future(later())
    async with stream(base, f"{V1}/installations/{install}/stream", souk.headers(ada)) as events:
        assert (await events.next()).data["installation_id"] == install
    await arriving


async def test_an_installation_of_others_does_not_exist(
    souk: Notifier, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "PATIENCE", (0.01,))
    ada, eve, space, install = Person(), Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada))
    for path, person in ((install, eve), (new_id(), ada)):
        async with stream(base, f"{V1}/installations/{path}/stream", souk.headers(person)) as refused:
            assert await slug(refused) == (404, "installation-not-found")
            assert refused.response.headers["retry-after"] == "1"
    async with stream(base, f"{V1}/installations/{install}/stream", souk.headers(ada), "x") as refused:
        assert await slug(refused) == (400, "invalid-cursor")


async def test_quiet_streams_beat(souk: Notifier, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [ada]))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada)) as events:
        assert (await events.next()).event == "hello"
        assert (await events.next()).event == "heartbeat"


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


def _listeners(souk: Notifier) -> int:
    hub: Any = souk.service.loops["live"].__self__  # type: ignore[attr-defined] # a bound method
    return len(hub._listeners)


async def test_the_feed_in_pages_is_the_stream(souk: Notifier) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [], [ada]))
    sent = [souk.envelope(installed(ada, space, f"k{number}"), seq=2) for number in range(7)]
    await souk.receive(*sent)
    seen: list[Any] = []
    after, more = "", True
    while more:
        answer = await souk.client.get(
            f"{V1}/feed", params={"workspace": space, "limit": 3, "after": after}, headers=souk.headers(ada)
        )
        page = answer.json()
        seen += page["events"]
        after, more = page["next"], page["more"]
    removed = AddOnUninstalled(**{**sent[0].data.model_dump(), "occurred_at": souk.clock.now()})
    await souk.tell(removed)
    last = await souk.client.get(f"{V1}/feed", params={"workspace": space, "after": after}, headers=souk.headers(ada))

    assert sorted(one["id"] for one in seen) == sorted(one.id for one in sent)
    assert [one["type"] for one in last.json()["events"]] == ["AddOnUninstalled"]
    assert last.json()["more"] is False


async def test_the_snapshot_shows_what_lives_and_what_stands(souk: Notifier) -> None:
    ada, space, live = Person(), new_id(), new_id()
    gone: dict[str, Any] = {"state": State.FAILED, "outcome": InstallOutcome.FAILED}
    await souk.tell(
        workspace(space, [ada]),
        addon(Person()),
        installation(live, space, ada),
        installation(new_id(), space, ada, key="other", **gone),
    )
    body = {"scope": f"addon:{ADDON}", "text": "We move house."}
    await souk.client.post(f"{V1}/notices", json=body, headers=souk.headers(Person(), "operator"))
    answer = (await souk.client.get(f"{V1}/snapshot", params={"workspace": space}, headers=souk.headers(ada))).json()

    assert [one["installation_id"] for one in answer["installations"]] == [live]
    assert [(one["scope"], one["text"], one["addon_name"]) for one in answer["notices"]] == [
        (f"addon:{ADDON}", "We move house.", "Time Cards")
    ]
