"""What the doctor and Prometheus are told of the notifier."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from shared.plumbing.doctor import examine
from shared.plumbing.mongo import Database
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import Person, send_mail
from tests.integration.notifier.parts import Notifier, notifier
from tests.waiting import eventually

LINK = "https://souk.example/verify"


async def found(souk: Notifier) -> dict[str, Any]:
    return {one.slug: one.evidence for one in await examine(souk.service.checks)}


async def measured(souk: Notifier, name: str, **labels: str) -> float | None:
    for measure in souk.service.measures:
        await measure()
    return REGISTRY.get_sample_value(name, labels)


async def test_in_good_health_there_is_nothing_to_tell(souk: Notifier) -> None:
    assert await found(souk) == {}
    assert await measured(souk, "souk_timers_late_seconds", what="mails") == 0
    assert await measured(souk, "souk_mails_undelivered") == 0


@pytest.mark.parametrize(("collection", "what"), [("mails", "mails"), ("digests", "digests"), ("outages", "outages")])
async def test_what_is_due_and_nobody_takes(
    database: Database, mongo_url: str, mailbox: MailBox, collection: str, what: str
) -> None:
    async with notifier(database, mongo_url, mailbox) as souk:
        taken = {"lease": "of somebody who holds it", "lease_until": souk.clock.now() + timedelta(hours=1)}
        due_at = souk.clock.now() - timedelta(minutes=3)
        await souk.database[collection].insert_one({"_id": "x", "due_at": due_at, "urgency": 1, **taken})

        assert (await found(souk))["timers-late"] == {"what": what, "since": due_at}
        assert (await measured(souk, "souk_timers_late_seconds", what=what) or 0) > 170


async def test_a_mail_that_was_refused_for_good_is_told_and_one_of_somebody_who_is_gone_is_not(
    souk: Notifier, mailbox: MailBox
) -> None:
    now = souk.clock.now()
    old = {"undelivered": True, "state": "failed", "ended_at": now - timedelta(days=2)}
    gone = {"state": "expired", "error": "the account is gone", "ended_at": now}
    await souk.database["mails"].insert_many([{"_id": "old", **old}, {"_id": "gone", **gone}])
    assert await found(souk) == {}

    mailbox.answers.append("550 no such mailbox")
    await souk.receive(souk.envelope(send_mail(Person(), souk.clock, LINK)))

    async def told() -> bool:
        return (await found(souk)).get("mails-undelivered") == {"within_a_day": 1}

    await eventually(told)
    assert await measured(souk, "souk_mails_undelivered") == 1
