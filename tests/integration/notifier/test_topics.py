"""Over real Kafka: what the others send is mailed once, however often a topic is read, and notices are published."""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka import AIOKafkaConsumer

from shared.contracts.envelope import Envelope, Message, StateMessage
from shared.plumbing.consumer import Consumers
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Handle, Outcome
from shared.plumbing.records import to_record
from shared.plumbing.tasks import end
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import (
    Person,
    account,
    addon,
    failed,
    health,
    installation,
    installed,
    send_mail,
    workspace,
)
from tests.integration.notifier.parts import Notifier, notifier
from tests.users import new_id
from tests.waiting import eventually


@contextlib.asynccontextmanager
async def reading(souk: Notifier, kafka: str) -> AsyncIterator[set[str]]:
    """The notifier's consumers in groups that have read nothing yet: every topic from its beginning.

    Gives the ids of what has been handled.
    """
    handled: set[str] = set()

    def noting(handle: Handle) -> Handle:
        async def noted(batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
            outcomes = await handle(batch)
            handled.update(one.id for one in batch)
            return outcomes

        return noted

    subscriptions = [dataclasses.replace(one, handle=noting(one.handle)) for one in souk.service.subscriptions]
    consumers = Consumers(f"test{secrets.token_hex(6)}", kafka, subscriptions, souk.service.dead_letters)
    task = asyncio.ensure_future(consumers.run())
    try:
        yield handled
    finally:
        await end(task, again=20)


async def send(souk: Notifier, messages: Sequence[Envelope[Message]]) -> None:
    """As the other services would."""
    await eventually(lambda: souk.service.producer.connected)
    for one in messages:
        await souk.service.producer.send(to_record(one))


@pytest.fixture
async def connected(database: Database, mongo_url: str, mailbox: MailBox, kafka: str) -> AsyncIterator[Notifier]:
    """A notifier whose producer reaches Kafka."""
    async with notifier(database, mongo_url, mailbox, kafka=kafka) as souk:
        tasks = [
            asyncio.ensure_future(loop())
            for loop in (souk.service.producer.run, *(state.run for state in souk.service.states))
        ]
        yield souk
        await end(*tasks, again=6)


async def test_reading_all_topics_again_mails_nobody_twice(connected: Notifier, mailbox: MailBox, kafka: str) -> None:
    souk, ada, bob, space, key = connected, Person(), Person(), new_id(), f"a{new_id()}"
    mails = [souk.envelope(send_mail(ada, souk.clock, "http://h/"))]
    results = [souk.envelope(installed(ada, space, key), seq=2), souk.envelope(failed(bob, space), seq=2)]
    down = [souk.envelope(health(1, "open", souk.clock.now(), key=key))]
    state: list[StateMessage] = [
        account(ada, souk.clock),
        account(bob, souk.clock),
        workspace(space, [ada, bob]),
        addon(bob, key),
        installation(new_id(), space, ada, key=key),
    ]
    await send(souk, [souk.envelope(one) for one in state])
    async with reading(souk, kafka):
        await eventually(lambda: souk.database["installations"].find_one({"addon_key": key}))
        await send(souk, [*mails, *results, *down])
        await eventually(lambda: len(mailbox.to(ada.address)) == 3)
        await eventually(lambda: len(mailbox.to(bob.address)) == 2)
    before = len(mailbox.taken)
    entries = await souk.database["feed"].count_documents({"audience": f"workspace:{space}"})

    async with reading(souk, kafka) as handled:
        await eventually(lambda: {one.id for one in (*mails, *results, *down)} <= handled)
        await asyncio.sleep(2.5)  # longer than a digest's pace

    subjects = sorted(mail["Subject"] for mail in mailbox.to(ada.address))
    assert subjects == [
        "Confirm your e-mail address for Souk",
        "Time Cards does not answer at the moment",
        "Time Cards is installed in Acme",
    ]
    assert len(mailbox.taken) == before
    assert entries == 2
    assert await souk.database["feed"].count_documents({"audience": f"workspace:{space}"}) == 2


async def test_a_notice_is_a_state_record_that_comes_back_into_the_feed(connected: Notifier, kafka: str) -> None:
    souk, key = connected, f"a{new_id()}"
    await souk.tell(addon(Person(), key))
    operator = souk.headers(Person(), "operator")
    async with reading(souk, kafka):
        body = {"scope": f"addon:{key}", "text": "We move."}
        answer = await souk.client.post("/api/notifier/v1/notices", json=body, headers=operator)
        await eventually(lambda: souk.database["feed"].find_one({"audience": f"addon:{key}"}))
        await souk.client.delete(f"/api/notifier/v1/notices/addon:{key}", headers=operator)
        await eventually(
            lambda: souk.database["feed"].find_one(
                {"event.type": "MaintenanceNoticeCleared", "audience": f"addon:{key}"}
            )
        )
    records = await _records(kafka, "notifier.notices.v1", f"addon:{key}")

    assert answer.status_code == 201
    assert [headers["ce_type"] for headers, _ in records] == ["MaintenanceNoticeRaised", "MaintenanceNoticeCleared"]
    assert [headers["ce_id"] for headers, _ in records] == [f"addon:{key}:1", f"addon:{key}:2"]
    assert b'"text":"We move."' in records[0][1]
    assert (await souk.database["notices"].find_one({"_id": f"addon:{key}"}) or {}).get("state_marked_at") is None


async def _records(kafka: str, topic: str, key: str) -> list[tuple[dict[str, str], bytes]]:
    """Headers and values of one key, as an independent consumer finds them."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found: list[tuple[dict[str, str], bytes]] = []
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            batch = await consumer.getmany(timeout_ms=200)
            mine = [one for records in batch.values() for one in records if one.key == key.encode()]
            found += [({name: raw.decode() for name, raw in one.headers}, one.value) for one in mine]
    finally:
        await consumer.stop()
    return found
