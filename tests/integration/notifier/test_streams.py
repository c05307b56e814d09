"""Live updates of a workspace: what members see, and where they go on."""

from datetime import timedelta

import pytest

from services.notifier import streams
from services.notifier.cursor import Cursor
from shared.contracts.installer import InstallRequested
from shared.contracts.notifier import MaintenanceNoticeRaised
from tests.integration.notifier.messages import ADDON, Person, failed, installation, installed, workspace
from tests.integration.notifier.parts import Notifier
from tests.integration.notifier.streaming import slug, stream
from tests.users import new_id

V1 = "/api/notifier/v1"


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


async def test_a_cursor_is_as_young_as_the_last_time_when_nothing_was_unread(
    souk: Notifier, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever stopped in the middle of a backlog could come back after a part of it was forgotten."""
    monkeypatch.setattr(streams, "PAGE", 2)
    ada, space = Person(), new_id()
    days = timedelta(days=10)
    start = Cursor(souk.clock.now() - days).encode()
    await souk.tell(workspace(space, [ada]), *(installed(ada, space) for _ in range(3)))
    async with stream(base, f"{V1}/stream?workspace={space}", souk.headers(ada), start) as events:
        ages = [souk.clock.now() - Cursor.decode((await events.next()).id or "").at for _ in range(4)]

    assert [age > days for age in ages] == [True, True, True, False]


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
