"""The feed in pages, and the snapshot for whoever has lost the thread."""

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from services.notifier.cursor import Cursor
from shared.contracts.installer import AddOnUninstalled, State
from shared.contracts.installer import Outcome as InstallOutcome
from tests.integration.notifier.messages import ADDON, Person, addon, installation, installed, workspace
from tests.integration.notifier.parts import Notifier
from tests.integration.notifier.streaming import slug, stream
from tests.users import new_id

V1 = "/api/notifier/v1"


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


async def test_what_was_set_aside_and_comes_late_is_not_missed_by_who_is_past_it(souk: Notifier) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [], [ada]))
    aside, after = [souk.envelope(installed(ada, space, "same"), seq=2) for _ in range(2)]
    assert aside.position is not None
    await souk.receive(after)
    params = {"workspace": space}
    first = (await souk.client.get(f"{V1}/feed", params=params, headers=souk.headers(ada))).json()
    late = replace(aside, position=replace(aside.position, replayed=True))

    await souk.receive(late)
    await souk.receive(late)

    following = {**params, "after": first["next"]}
    second = (await souk.client.get(f"{V1}/feed", params=following, headers=souk.headers(ada))).json()
    third = (
        await souk.client.get(f"{V1}/feed", params={**params, "after": second["next"]}, headers=souk.headers(ada))
    ).json()
    assert [one["id"] for one in first["events"]] == [after.id]
    assert [one["id"] for one in second["events"]] == [aside.id]
    assert third["events"] == []


async def test_letters_that_are_replayed_at_one_moment_are_all_read(souk: Notifier) -> None:
    ada, space = Person(), new_id()
    await souk.tell(workspace(space, [], [ada]))
    aside = [souk.envelope(installed(ada, space, f"k{number}"), seq=2) for number in range(12)]
    late = [replace(one, position=replace(one.position, replayed=True)) for one in aside if one.position is not None]
    await asyncio.gather(*(souk.receive(one) for one in late), *(souk.receive(one) for one in late))

    seen: list[str] = []
    after, more = "", True
    while more:
        params: dict[str, str | int] = {"workspace": space, "limit": 1, "after": after}
        page = (await souk.client.get(f"{V1}/feed", params=params, headers=souk.headers(ada))).json()
        seen += [one["id"] for one in page["events"]]
        after, more = page["next"], page["more"]
    assert sorted(seen) == sorted(one.id for one in aside)


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
