"""Feedback, and what the site is called."""

from typing import Any

import pytest

from shared.plumbing.mongo import Database
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.messages import Person
from tests.integration.notifier.parts import Notifier, notifier

V1 = "/api/notifier/v1"
GOOD = {"page": "/addons/time-cards", "helpful": True, "text": "Thanks!"}


async def test_feedback_is_kept_with_or_without_an_account(souk: Notifier) -> None:
    ada = Person()
    first = await souk.client.post(f"{V1}/feedback", json=GOOD)
    second = await souk.client.post(f"{V1}/feedback", json={"page": "/", "helpful": False}, headers=souk.headers(ada))
    operator = souk.headers(Person(), "operator")
    newest = (await souk.client.get(f"{V1}/feedback", params={"limit": 1}, headers=operator)).json()
    older = (await souk.client.get(f"{V1}/feedback", params={"cursor": newest["next"]}, headers=operator)).json()

    assert (first.status_code, second.status_code) == (204, 204)
    (latest,), (oldest,) = newest["items"], older["items"]
    assert (latest["page"], latest["helpful"], latest["text"], latest["user_id"]) == ("/", False, "", ada.id)
    assert (oldest["page"], oldest["text"], oldest["user_id"]) == (GOOD["page"], "Thanks!", None)
    assert older["next"] is None


async def test_feedback_is_limited_by_network_and_by_account(souk: Notifier) -> None:
    ada = Person()

    async def give(network: str, **headers: str) -> tuple[int, str | None]:
        answer = await souk.client.post(f"{V1}/feedback", json=GOOD, headers={"X-Forwarded-For": network, **headers})
        return answer.status_code, answer.headers.get("retry-after")

    assert [(await give("203.0.113.9"))[0] for _ in range(3)] == [204, 204, 204]
    status, retry_after = await give("198.51.100.1, 203.0.113.9")  # what a client wrote does not count
    assert status == 429
    assert 1 <= int(retry_after or 0) <= 3600
    assert (await give("2001:db8::1"))[0] == 204
    assert [(await give(f"2001:db8::{n}"))[0] for n in range(2, 5)] == [204, 204, 429]  # one household
    token = souk.headers(ada)
    assert [(await give(f"203.0.113.{n}", **token))[0] for n in range(20, 24)] == [204, 204, 204, 429]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"page": "/x"},
        {"page": "/x", "helpful": "yes"},
        {"page": "x", "helpful": True},
        {"page": "http://evil.example/", "helpful": True},
        {"page": "/x?token=secret", "helpful": True},
        {"page": "/x\r\nSet-Cookie: a", "helpful": True},
        {"page": "/" + "x" * 300, "helpful": True},
        {"page": "/x", "helpful": True, "text": "x" * 2001},
        {"page": "/x", "helpful": True, "text": {"$gt": ""}},
        {"page": "/x", "helpful": True, "user_id": "somebody"},
        [],
    ],
)
async def test_bad_feedback_is_refused(souk: Notifier, body: Any) -> None:
    answer = await souk.client.post(f"{V1}/feedback", json=body)

    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")


async def test_a_wrong_token_is_refused_rather_than_taken_for_anonymous(souk: Notifier) -> None:
    answer = await souk.client.post(f"{V1}/feedback", json=GOOD, headers={"Authorization": "Bearer x.y.z"})

    assert (answer.status_code, answer.json()["slug"]) == (401, "token-invalid")


async def test_the_site_says_what_it_is_called(database: Database, mongo_url: str, mailbox: MailBox) -> None:
    settings: dict[str, Any] = {
        "site_product_name": "Bazaar",
        "site_support_email": "help@bazaar.example",
        "site_support_url": "https://bazaar.example/help",
    }
    async with notifier(database, mongo_url, mailbox, working=False, **settings) as souk:
        answer = await souk.client.get(f"{V1}/site")

    assert answer.json() == {
        "product_name": "Bazaar",
        "logo_url": None,
        "support_email": "help@bazaar.example",
        "support_url": "https://bazaar.example/help",
    }
