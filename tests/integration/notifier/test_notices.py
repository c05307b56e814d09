"""Maintenance notices: one per outage, told once, and an operator's by hand."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier.notices import render
from shared.contracts.catalog import Visibility
from shared.contracts.installer import Outcome as InstallOutcome
from shared.contracts.installer import State
from shared.plumbing.mongo import Document
from shared.plumbing.outcomes import Outcome
from tests.integration.notifier.mailbox import MailBox, text_of
from tests.integration.notifier.messages import ADDON, Person, account, addon, health, installation, workspace
from tests.integration.notifier.parts import Notifier
from tests.users import new_id
from tests.waiting import eventually

V1 = "/api/notifier/v1"
SCOPE = f"addon:{ADDON}"
NOTICE_AFTER = timedelta(seconds=1)  # as the notifier of these tests has it


async def published(souk: Notifier) -> tuple[str, Document] | None:
    """Type and data of the notice's state record."""
    notice = await souk.database["notices"].find_one({"_id": SCOPE})
    envelope = render(notice) if notice else None
    return (envelope.type, envelope.data.model_dump()) if envelope else None


async def stands(souk: Notifier) -> bool:
    record = await published(souk)
    return record is not None and record[0] == "MaintenanceNoticeRaised"


async def cleared(souk: Notifier) -> bool:
    record = await published(souk)
    return record is not None and record[0] == "MaintenanceNoticeCleared"


class Outage:
    """An add-on that is installed in one workspace, requested in another and gone from a third."""

    def __init__(self, souk: Notifier) -> None:
        self.souk = souk
        self.publisher, self.ada, self.bob, self.member, self.stranger = (Person() for _ in range(5))

    async def prepare(self) -> None:
        people = (self.publisher, self.ada, self.bob, self.member, self.stranger)
        first, second, third = new_id(), new_id(), new_id()
        done: dict[str, Any] = {"state": State.INSTALLED, "outcome": InstallOutcome.INSTALLED}
        gone: dict[str, Any] = {"state": State.UNINSTALLED, "outcome": InstallOutcome.INSTALLED}
        await self.souk.tell(
            *(account(one, self.souk.clock) for one in people),
            workspace(first, [self.ada], [self.member]),
            workspace(second, [self.ada, self.bob, self.publisher]),
            workspace(third, [self.stranger]),
            addon(self.publisher),
            installation(new_id(), first, self.ada, **done),
            installation(new_id(), second, self.ada),
            installation(new_id(), third, self.ada, **gone),
        )

    async def health(self, version: int, breaker: str, outage: int = 1, since: datetime | None = None) -> list[Outcome]:
        return await self.souk.tell(health(version, breaker, since or self.souk.clock.now(), outage))


@pytest.fixture
async def outage(souk: Notifier) -> Outage:
    prepared = Outage(souk)
    await prepared.prepare()
    return prepared


async def test_an_outage_is_published_and_told_once_to_those_concerned(outage: Outage, mailbox: MailBox) -> None:
    souk = outage.souk
    opened_at = souk.clock.now()
    record = souk.envelope(health(1, "open", opened_at))
    first = await souk.receive(record)
    await eventually(lambda: stands(souk))
    await eventually(lambda: len(mailbox.taken) == 3)
    again = await souk.receive(*[record] * 20)
    await asyncio.sleep(0.5)

    assert (first, set(again)) == ([Outcome.DONE], {Outcome.SUPERSEDED})
    assert sorted(mail["To"] for mail in mailbox.taken) == sorted(
        one.address for one in (outage.publisher, outage.ada, outage.bob)
    )
    (hers,) = mailbox.to(outage.ada.address)
    (theirs,) = mailbox.to(outage.publisher.address)
    assert hers["Subject"] == "Time Cards does not answer at the moment"
    assert theirs["Subject"] == "Your add-on Time Cards does not answer our calls"
    assert "timeout" in text_of(theirs)
    raised = await published(souk)
    assert raised is not None
    assert (raised[1]["notice_id"], raised[1]["cause"], raised[1]["version"]) == (f"{ADDON}:1", "outage", 1)
    assert raised[1]["raised_at"] >= opened_at + NOTICE_AFTER


async def test_a_recovery_clears_the_notice_and_tells_nobody(outage: Outage, mailbox: MailBox) -> None:
    souk = outage.souk
    await outage.health(1, "open")
    await eventually(lambda: stands(souk))
    await eventually(lambda: len(mailbox.taken) == 3)
    await outage.health(2, "half_open")
    await outage.health(3, "closed")
    await eventually(lambda: cleared(souk))

    record = await published(souk)
    assert record is not None
    assert (record[1]["notice_id"], record[1]["version"]) == (f"{ADDON}:1", 2)
    assert len(mailbox.taken) == 3


async def test_an_add_on_that_flaps_is_one_outage(outage: Outage, mailbox: MailBox) -> None:
    souk = outage.souk
    await outage.health(1, "open")
    await eventually(lambda: len(mailbox.taken) == 3)
    await outage.health(2, "closed")
    await eventually(lambda: cleared(souk))
    await outage.health(3, "open", outage=2)
    await eventually(lambda: stands(souk))
    await asyncio.sleep(0.5)

    record = await published(souk)
    assert record is not None
    assert record[1]["notice_id"] == f"{ADDON}:1"
    assert len(mailbox.taken) == 3


async def test_a_short_outage_is_never_seen(outage: Outage, mailbox: MailBox) -> None:
    await outage.health(1, "open")
    await outage.health(2, "closed")
    await asyncio.sleep(2 * NOTICE_AFTER.total_seconds())

    assert await published(outage.souk) is None
    assert mailbox.taken == []


async def test_an_outage_of_days_ago_is_shown_and_not_mailed(outage: Outage, mailbox: MailBox) -> None:
    await outage.health(1, "open", since=outage.souk.clock.now() - timedelta(days=2))
    await eventually(lambda: stands(outage.souk))
    await asyncio.sleep(0.5)

    assert mailbox.taken == []


async def test_who_was_told_is_on_record(outage: Outage, mailbox: MailBox) -> None:
    souk, operator = outage.souk, outage.souk.headers(Person(), "operator")
    await outage.health(1, "open")
    await eventually(lambda: len(mailbox.taken) == 3)
    path = f"{V1}/notices/{ADDON}:1/notified"

    async def all_sent() -> bool:
        page = (await souk.client.get(path, headers=operator)).json()
        return [one["state"] for one in page["items"]] == ["sent"] * 3

    await eventually(all_sent)
    pages = [(await souk.client.get(path, params={"limit": 2}, headers=operator)).json()]
    pages.append((await souk.client.get(path, params={"cursor": pages[0]["next"]}, headers=operator)).json())
    people = [one["user_id"] for page in pages for one in page["items"]]
    assert sorted(people) == sorted([outage.publisher.id, outage.ada.id, outage.bob.id])
    assert pages[1]["next"] is None


async def test_an_operator_raises_rewords_and_clears(outage: Outage, mailbox: MailBox) -> None:
    souk, operator = outage.souk, outage.souk.headers(Person(), "operator")
    first = await souk.client.post(f"{V1}/notices", json={"scope": SCOPE, "text": "We move."}, headers=operator)
    second = await souk.client.post(f"{V1}/notices", json={"scope": SCOPE, "text": "Still."}, headers=operator)
    listed = (await souk.client.get(f"{V1}/notices", params={"addon": ADDON})).json()
    gone = await souk.client.delete(f"{V1}/notices/{SCOPE}", headers=operator)
    again = await souk.client.delete(f"{V1}/notices/{SCOPE}", headers=operator)

    assert (first.status_code, second.status_code, gone.status_code) == (201, 201, 204)
    assert first.json()["notice_id"] == second.json()["notice_id"] == f"{SCOPE}:operator:1"
    assert first.json()["raised_at"] == second.json()["raised_at"]
    assert [(one["scope"], one["text"], one["cause"]) for one in listed] == [(SCOPE, "Still.", "operator")]
    assert (again.status_code, again.json()["slug"]) == (404, "notice-not-found")
    record = await published(souk)
    assert record is not None
    assert (record[0], record[1]["version"]) == ("MaintenanceNoticeCleared", 3)
    assert mailbox.taken == []


async def test_an_operators_notice_hides_the_outage_and_does_not_end_it(outage: Outage) -> None:
    souk, operator = outage.souk, outage.souk.headers(Person(), "operator")
    await souk.client.post(f"{V1}/notices", json={"scope": SCOPE, "text": "We move."}, headers=operator)
    await outage.health(1, "open")

    async def both() -> bool:
        return (await souk.database["notices"].find_one({"_id": SCOPE}) or {}).get("outage") is not None

    await eventually(both)
    record = await published(souk)
    assert record is not None
    assert (record[1]["cause"], record[1]["text"]) == ("operator", "We move.")

    cleared = await souk.client.delete(f"{V1}/notices/{SCOPE}", headers=operator)
    (below,) = (await souk.client.get(f"{V1}/notices", params={"addon": ADDON})).json()
    assert (cleared.status_code, below["cause"], below["notice_id"]) == (204, "outage", f"{ADDON}:1")
    await souk.client.delete(f"{V1}/notices/{SCOPE}", headers=operator)
    assert (await souk.client.get(f"{V1}/notices", params={"addon": ADDON})).json() == []


async def test_many_operators_at_once_lose_no_version(outage: Outage) -> None:
    souk, operator = outage.souk, outage.souk.headers(Person(), "operator")
    answers = await asyncio.gather(
        *(souk.client.post(f"{V1}/notices", json={"scope": "all", "text": f"{n}"}, headers=operator) for n in range(8))
    )
    assert {one.status_code for one in answers} == {201}
    assert (await souk.database["notices"].find_one({"_id": "all"}) or {})["version"] == 8


async def test_a_private_add_on_has_no_public_notice(souk: Notifier) -> None:
    operator = souk.headers(Person(), "operator")
    for key, visibility in (
        ("open", Visibility.PUBLIC),
        ("hidden", Visibility.UNLISTED),
        ("secret", Visibility.PRIVATE),
    ):
        await souk.tell(addon(Person(), key, visibility))
        answer = await souk.client.post(f"{V1}/notices", json={"scope": f"addon:{key}", "text": "x"}, headers=operator)
        assert answer.status_code == 201
    await souk.client.post(f"{V1}/notices", json={"scope": "all", "text": "x"}, headers=operator)

    async def scopes(**params: str) -> list[str]:
        return [one["scope"] for one in (await souk.client.get(f"{V1}/notices", params=params)).json()]

    assert await scopes() == ["addon:open", "all"]
    assert await scopes(addon="hidden") == ["addon:hidden", "all"]
    assert await scopes(addon="secret") == ["all"]
    assert await scopes(addon="unknown") == ["all"]


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"scope": "addon:unknown", "text": "x"}, 404, "addon-not-found"),
        ({"scope": "everything", "text": "x"}, 422, "invalid-request"),
        ({"scope": "addon:", "text": "x"}, 422, "invalid-request"),
        ({"scope": "addon:a/../b", "text": "x"}, 422, "invalid-request"),
        ({"scope": "all", "text": "  "}, 422, "invalid-request"),
        ({"scope": "all", "text": "x" * 501}, 422, "invalid-request"),
        ({"scope": "all", "text": "x", "until": "tomorrow"}, 422, "invalid-request"),
        ({"scope": {"$ne": 1}, "text": "x"}, 422, "invalid-request"),
        ({"scope": "all", "text": "\u0000"}, 422, "invalid-request"),
    ],
)
async def test_bad_notices_are_refused(souk: Notifier, body: dict[str, Any], status: int, slug: str) -> None:
    answer = await souk.client.post(f"{V1}/notices", json=body, headers=souk.headers(Person(), "operator"))

    assert (answer.status_code, answer.json()["slug"]) == (status, slug)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "notices"), ("DELETE", "notices/all"), ("GET", "notices/x/notified"), ("GET", "feedback")],
)
async def test_only_operators_manage(souk: Notifier, method: str, path: str) -> None:
    body = {"scope": "all", "text": "x"} if method == "POST" else None
    anonymous = await souk.client.request(method, f"{V1}/{path}", json=body)
    publisher = await souk.client.request(
        method, f"{V1}/{path}", json=body, headers=souk.headers(Person(), "publisher")
    )

    assert (anonymous.status_code, publisher.status_code) == (401, 403)
