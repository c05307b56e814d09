"""The whole feed and the whole snapshot, which only operators read."""

from datetime import timedelta
from typing import Any

from services.notifier.cursor import Cursor
from shared.contracts.installer import AddOnUninstalled
from tests.integration.notifier.messages import Person, installation, installed, workspace
from tests.integration.notifier.parts import Notifier
from tests.users import new_id

FEED = "/api/notifier/v1/operator/feed"
SNAPSHOT = "/api/notifier/v1/operator/snapshot"


async def read(souk: Notifier, path: str, *roles: str, **params: Any) -> dict[str, Any]:
    answer = await souk.client.get(path, params=params, headers=souk.headers(Person(), *roles))
    body: dict[str, Any] = answer.json()
    return body | {"status": answer.status_code}


async def test_the_whole_feed_has_every_workspaces_events_once_and_fairly(souk: Notifier) -> None:
    spaces = [new_id() for _ in range(5)]
    ada = Person()
    await souk.tell(*(workspace(space, [ada]) for space in spaces))
    sent = [souk.envelope(installed(ada, space, f"k{number}"), seq=2) for space in spaces for number in range(4)]
    await souk.receive(*sent)
    parts = {one.position.partition for one in sent if one.position}

    first = await read(souk, FEED, "operator", limit=len(parts))
    seen, page = list(first["events"]), first
    while page["more"]:
        page = await read(souk, FEED, "operator", after=page["next"], limit=3)
        seen += page["events"]

    assert sorted(one["id"] for one in seen) == sorted(one.id for one in sent)
    by_id = {one.id: one for one in sent}
    begun = {by_id[one["id"]].position for one in first["events"]}
    assert {one.partition for one in begun if one} == parts, "every partition has its turn"
    for part in parts:
        offsets = [by_id[one["id"]].position for one in seen]
        assert (mine := [one.offset for one in offsets if one and one.partition == part]) == sorted(mine)
    removed = AddOnUninstalled(**{**sent[0].data.model_dump(), "occurred_at": souk.clock.now()})
    await souk.tell(removed)
    last = await read(souk, FEED, "operator", after=page["next"])
    assert ([one["type"] for one in last["events"]], last["more"]) == (["AddOnUninstalled"], False)


async def test_the_whole_snapshot_in_pages_and_the_feed_from_its_cursor(souk: Notifier) -> None:
    ada, space = Person(), new_id()
    ids = sorted(new_id() for _ in range(5))
    await souk.tell(workspace(space, [ada]), *(installation(one, space, ada, key=f"k{one}") for one in ids))
    await souk.tell(installed(ada, space))

    first = await read(souk, SNAPSHOT, "operator", limit=2)
    pages = [first]
    await souk.tell(installed(ada, space))
    while pages[-1]["next"]:
        pages.append(await read(souk, SNAPSHOT, "operator", limit=2, after=pages[-1]["next"]))
    news = await read(souk, FEED, "operator", after=first["cursor"])

    assert [one["installation_id"] for page in pages for one in page["installations"]] == ids
    assert len(news["events"]) == 2, "what came shortly before the snapshot may not be in it, so it comes again"


async def test_an_event_whose_state_is_still_on_its_way_is_in_the_snapshot_or_comes_after_it(souk: Notifier) -> None:
    ada, space, one = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(one, space, ada))
    long_ago, just_now = (souk.envelope(installed(ada, space, one), seq=2) for one in ("other", "timer"))
    await souk.receive(long_ago, just_now)
    gone = timedelta(minutes=11)
    await souk.database["feed"].update_one(
        {"event.id": long_ago.id},
        [{"$set": {"forget_at": {"$subtract": ["$forget_at", gone // timedelta(milliseconds=1)]}}}],
    )

    page = await read(souk, SNAPSHOT, "operator")
    news = await read(souk, FEED, "operator", after=page["cursor"])

    assert [shown["outcome"] for shown in page["installations"]] == ["pending"]
    assert [told["id"] for told in news["events"]] == [just_now.id]


async def test_a_cursor_too_old_leads_to_the_whole_snapshot(souk: Notifier) -> None:
    old = Cursor(souk.clock.now() - timedelta(days=14)).encode()
    problem = await read(souk, FEED, "operator", after=old)
    assert (problem["status"], problem["slug"]) == (410, "cursor-expired")
    assert problem["snapshot"].endswith(SNAPSHOT)
    assert (await read(souk, FEED, "operator", after="x"))["slug"] == "invalid-cursor"


async def test_nobody_else_reads_it(souk: Notifier) -> None:
    for path in (FEED, SNAPSHOT):
        assert (await read(souk, path, "publisher"))["slug"] == "role-required"
