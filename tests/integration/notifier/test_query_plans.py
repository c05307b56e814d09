"""Feed, mails, results and notices cost what is due or shown, however long the past is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.notifier.feed_store import FeedStore
from shared.plumbing.mongo import Database, Document
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import (
    ADDON,
    Person,
    account,
    addon,
    health,
    installation,
    installed,
    workspace,
)
from tests.integration.notifier.parts import Notifier, notifier
from tests.query_plans import watched
from tests.users import new_id
from tests.waiting import eventually

V1 = "/api/notifier/v1"
PAST = 3_000
ENOUGH = 100
OURS = (
    *("feed", "mails", "results", "digests", "notices", "outages", "feedback"),
    *("installations", "workspaces", "accounts", "addons"),
)


@pytest.fixture
async def souk(database: Database, mongo_url: str, mailbox: MailBox) -> AsyncIterator[Notifier]:
    """A notifier whose workers are moved by hand."""
    async with notifier(database, mongo_url, mailbox, working=False, notice_after_seconds=0) as made:
        yield made


def worker(souk: Notifier, name: str) -> Any:
    """The worker behind the loop, to be moved by hand."""
    return souk.service.worker_loops[name].__self__  # type: ignore[attr-defined] # a bound method


async def multiply(souk: Notifier, collection: str, *, without: str = "", **changes: Any) -> None:
    """Surround the one document of a collection by its like from the past, of others."""
    (one,) = await souk.database[collection].find().to_list()
    past: list[Document] = []
    for number in range(PAST):
        copy = {**one, "_id": f"past-{number:05}", **changes}
        copy.pop(without, None)
        past.append({name: value(number) if callable(value) else value for name, value in copy.items()})
    await souk.database[collection].insert_many(past)


async def test_the_past_is_not_looked_at(souk: Notifier, mailbox: MailBox) -> None:
    ada, space = Person(), new_id()
    await souk.tell(account(ada, souk.clock), workspace(space, [ada]), addon(ada), installation(new_id(), space, ada))
    await multiply(souk, "installations", workspace_id=lambda _: new_id(), addon_key="other")
    await souk.tell(installed(ada, space))
    await multiply(souk, "feed", audience="workspace:other", offset=lambda number: 10 + number)
    await multiply(souk, "results", without="pending")
    await multiply(souk, "digests", without="due_at")
    await souk.tell(health(1, "open", souk.clock.now()))
    await multiply(souk, "outages", without="due_at")

    async with watched(souk.database) as plans:
        await eventually(worker(souk, "digests").work)
        assert await worker(souk, "watchman").work()
        while await worker(souk, "postman").work():
            pass
        assert len(mailbox.to(ada.address)) == 2
    assert plans.faults(*OURS, most=ENOUGH) == []

    await multiply_mails_and_notices(souk)
    ends = await FeedStore(souk.database).ends()
    await souk.tell(installed(ada, space))
    member, operator = souk.headers(ada), souk.headers(Person(), "operator")
    standing = (await souk.client.get(f"{V1}/notices")).json()[0]
    async with watched(souk.database) as later:
        first = await souk.client.get(f"{V1}/feed", params={"workspace": space, "limit": 1}, headers=member)
        after = first.json()["next"]
        pages = [
            first,
            await souk.client.get(f"{V1}/feed", params={"workspace": space, "after": after}, headers=member),
            await souk.client.get(f"{V1}/snapshot", params={"workspace": space}, headers=member),
            await souk.client.get(f"{V1}/notices"),
            await souk.client.get(f"{V1}/notices", params={"addon": ADDON}),
            await souk.client.get(f"{V1}/notices/{standing['notice_id']}/notified", headers=operator),
            await souk.client.get(f"{V1}/feedback", headers=operator),
        ]
        await FeedStore(souk.database).news(ends)  # what every replica asks while somebody listens

        async def mailed() -> bool:  # a digest may be due once more with nothing in it
            await worker(souk, "digests").work()
            return bool(await worker(souk, "postman").work())

        await eventually(mailed)
        for name in ("digests", "watchman", "postman"):
            await worker(souk, name)._pause()
    assert [page.status_code for page in pages] == [200] * len(pages)
    assert [len(page.json()["events"]) for page in pages[:2]] == [1, 1]
    assert [name for name in OURS if not later.of(name)] == []
    assert later.faults(*OURS, most=ENOUGH) == []


async def multiply_mails_and_notices(souk: Notifier) -> None:
    mails = await souk.database["mails"].find().to_list()
    assert {mail["state"] for mail in mails} == {"sent"}
    past = [{**mails[0], "_id": f"past-{number:05}", "notice_id": f"old-{number}"} for number in range(PAST)]
    await souk.database["mails"].insert_many(past)
    await multiply(souk, "notices", outage=None, operator=None, without="state_marked_at")


async def test_the_watch_sees_a_query_without_an_index(souk: Notifier) -> None:
    async with watched(souk.database) as plans:
        await souk.database["feed"].find({"event.type": "AddOnInstalled"}).to_list()

    assert [fault.partition(" looked")[0] for fault in plans.faults(*OURS, most=ENOUGH)] == ["feed: COLLSCAN"]
