"""Documents with a due time: one process at a time, and nothing is left when a process ends in between."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.errors import ConnectionFailure

from services.notifier import due_store
from services.notifier.due_store import Due
from services.notifier.watchman import Watchman
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database, Document
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import Person, account, addon, health, send_mail
from tests.integration.notifier.parts import Notifier
from tests.waiting import eventually


async def test_what_one_process_holds_no_other_gets(database: Database, clock: DatabaseClock) -> None:
    past = clock.now() - timedelta(seconds=1)
    await database["jobs"].insert_many(
        [{"_id": 1, "due_at": past}, {"_id": 2, "due_at": past + timedelta(hours=1)}, {"_id": 3}]
    )
    due = Due(database["jobs"])
    async with due.claim(10) as mine:
        async with due.claim(10) as others:
            assert [one["_id"] for one in mine.documents] == [1]
            assert others.documents == []
        assert mine.stands
    async with due.claim(10) as again:
        assert [one["_id"] for one in again.documents] == [1]


async def test_what_a_dead_process_held_comes_back(database: Database, clock: DatabaseClock) -> None:
    past = clock.now() - timedelta(seconds=1)
    await database["jobs"].insert_one({"_id": 1, "due_at": past, "lease": "dead", "lease_until": past})
    async with Due(database["jobs"]).claim(10) as claim:
        assert [one["_id"] for one in claim.documents] == [1]


async def test_a_claim_is_renewed_while_it_is_held(
    database: Database, clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_store, "RENEW_SECONDS", 0.05)
    await database["jobs"].insert_one({"_id": 1, "due_at": clock.now() - timedelta(seconds=1)})
    async with Due(database["jobs"]).claim(10) as claim:
        before = claim.documents[0]["lease_until"]

        async def renewed() -> bool:
            return bool((await database["jobs"].find_one({}) or {})["lease_until"] > before)

        await eventually(renewed)


async def test_a_worker_sleeps_until_something_is_due(database: Database, clock: DatabaseClock) -> None:
    due, now = Due(database["jobs"]), clock.now()
    nothing = await due.pause(now)
    await database["jobs"].insert_one({"_id": 1, "due_at": now + timedelta(hours=1)})
    far = await due.pause(now)
    await database["jobs"].insert_one({"_id": 2, "due_at": now + timedelta(seconds=1)})
    near = await due.pause(now)
    await database["jobs"].insert_one({"_id": 3, "due_at": now - timedelta(seconds=1)})
    past = await due.pause(now)

    assert (nothing, far, past) == (due_store.LOOK_SECONDS, due_store.LOOK_SECONDS, due_store.BUSY_SECONDS)
    assert near == pytest.approx(1.01)


async def test_a_document_that_cannot_be_handled_steps_aside(database: Database, clock: DatabaseClock) -> None:
    past = clock.now() - timedelta(seconds=1)
    await database["jobs"].insert_many([{"_id": number, "due_at": past} for number in range(3)])
    due, handled = Due(database["jobs"]), []

    async def handle(document: Document) -> None:
        if document["_id"] == 1:
            raise KeyError("a field of a newer release")
        handled.append(document["_id"])

    assert await due.work_off(10, handle)
    async with due.claim(10) as left:
        assert [one["_id"] for one in left.documents] == [0, 2]
    assert handled == [0, 2]


async def test_a_mail_that_cannot_be_written_does_not_keep_the_others(souk: Notifier, mailbox: MailBox) -> None:
    ada = Person()
    now = souk.clock.now()
    odd = {"_id": "odd", "kind": "birthday", "user_id": ada.id, "state": "due", "urgency": "0", "attempts": 0}
    times = {"created_at": now, "due_at": now, "expires_at": now + timedelta(hours=1)}
    await souk.database["mails"].insert_one({**odd, **times, "correlation_id": "c"})
    await souk.tell(send_mail(ada, souk.clock, "http://h/"))

    await eventually(lambda: mailbox.to(ada.address))


@pytest.mark.parametrize("step", ["_publish", "_tell"])
async def test_a_notice_whose_process_ended_in_between_is_still_raised_and_told_once(
    souk: Notifier, mailbox: MailBox, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    whole, failures = getattr(Watchman, step), 0

    async def broken(self: Watchman, *args: object) -> None:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise ConnectionFailure
        await whole(self, *args)

    monkeypatch.setattr(Watchman, step, broken)
    ada = Person()
    await souk.tell(account(ada, souk.clock), addon(ada), health(1, "open", souk.clock.now()))

    await eventually(lambda: mailbox.to(ada.address))
    await asyncio.sleep(0.3)

    notice = await souk.database["notices"].find_one({"_id": "addon:time-cards"}) or {}
    assert notice["outage"]["notice_id"] == "time-cards:1"
    assert notice["version"] == 1
    assert len(mailbox.taken) == 1
    assert failures == 2
