"""Operators look at what was set aside, replay and discard it: the routes that every service has."""

import asyncio
from typing import Any

import httpx
import pytest
from aiokafka import ConsumerRecord

from shared.contracts.auth import WorkspaceChanged
from shared.contracts.envelope import Envelope
from shared.plumbing.dead_letters import Fault
from shared.plumbing.records import to_record
from tests.integration.catalog.conftest import Catalog
from tests.users import bearer, new_id

PATH = "/api/catalog/v1/operator/dead-letters"
GROUP = "catalog.auth.workspaces.v1"


class Operator:
    """Somebody with the role, in front of a catalog with letters."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.user_id = new_id()
        self.headers = bearer(self.user_id, catalog.clock.now(), "operator")

    async def send(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        return await self.catalog.client.request(method, PATH + path, headers=self.headers, **options)

    async def listed(self, **params: Any) -> list[dict[str, Any]]:
        answer = await self.send("GET", params=params)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def letter(self, offset: int, workspace: str, version: int, value: bytes | None = None) -> str:
        """A workspace's state that met a bug, set aside as the consumer does it. Returns the letter's id."""
        state = WorkspaceChanged(version=version, workspace_id=workspace)
        sent = to_record(
            Envelope(
                id=f"{workspace}:v{version}",
                source="/t",
                subject=workspace,
                time=self.catalog.clock.now(),
                data=state,
                correlation_id="c",
                causation_id=None,
            )
        )
        value = value or sent.value or b""
        record = ConsumerRecord(sent.topic, 0, offset, 0, 0, sent.key, value, None, 1, len(value), sent.headers)
        await self.catalog.service.dead_letters.store(GROUP, [Fault(record, "handler-bug", "ValueError")])
        (found,) = [one for one in await self.listed() if one["offset"] == offset]
        letter_id: str = found["id"]
        return letter_id


@pytest.fixture
def operator(catalog: Catalog) -> Operator:
    return Operator(catalog)


def slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["slug"]


async def test_a_replay_runs_the_handler_and_a_second_one_changes_nothing(operator: Operator) -> None:
    workspace = new_id()
    letter = await operator.letter(1, workspace, 3)

    answers = await asyncio.gather(*(operator.send("POST", f"/{letter}/replay") for _ in range(3)))
    again = await operator.send("POST", f"/{letter}/replay")

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert again.status_code == 200
    assert (again.json()["status"], again.json()["closed_by"]) == ("replayed", operator.user_id)
    kept = await operator.catalog.database["workspaces"].find_one({"_id": workspace})
    assert kept is not None
    assert kept["version"] == 3
    assert await operator.listed() == []
    assert [one["id"] for one in await operator.listed(status="any")] == [letter]


async def test_the_next_order_goes_past_what_is_still_faulty(operator: Operator) -> None:
    workspace = new_id()
    faulty = [await operator.letter(offset, workspace, 1, b"no JSON") for offset in (1, 2)]
    well = await operator.letter(3, workspace, 2)
    order = {"which": {"key": workspace}, "limit": 2}

    first = (await operator.send("POST", "/replay", json=order)).json()
    second = (await operator.send("POST", "/replay", json={**order, "after": first["next"]})).json()

    assert [(one["id"], one["result"]) for one in first["letters"]] == [(one, "open") for one in faulty]
    assert (second["letters"], second["next"]) == ([{"id": well, "result": "replayed"}], None)


async def test_what_is_older_than_the_state_is_told_so(operator: Operator) -> None:
    workspace = new_id()
    await operator.catalog.receive(WorkspaceChanged(version=5, workspace_id=workspace))
    letter = await operator.letter(1, workspace, 3)
    new = await operator.letter(2, workspace, 6)

    answer = await operator.send("POST", "/replay", json={"which": {"key": workspace}})

    assert answer.json() == {
        "counts": {"superseded": 1, "replayed": 1},
        "letters": [{"id": letter, "result": "superseded"}, {"id": new, "result": "replayed"}],
        "more": False,
        "next": None,
    }
    assert [one["status"] for one in await operator.listed(status="superseded")] == ["superseded"]


async def test_one_that_still_cannot_be_read_stays_open_and_says_why(operator: Operator) -> None:
    letter = await operator.letter(1, new_id(), 1, b'{"sealed_address": "sealed:v1:c2VjcmV0", "cut')

    replayed = (await operator.send("POST", f"/{letter}/replay")).json()

    assert (replayed["status"], replayed["tries"]) == ("open", 1)
    assert replayed["tried_because"].startswith("not-json")
    shown = (await operator.send("GET", f"/{letter}")).json()
    assert shown["value"] == '{"sealed_address": "[sealed]", "cut'


async def test_a_discarded_one_says_why_and_by_whom_and_is_not_replayed(operator: Operator) -> None:
    letter = await operator.letter(1, new_id(), 1)

    closed = (await operator.send("POST", f"/{letter}/discard", json={"because": " a test of a stranger's "})).json()
    told = (closed["status"], closed["closed_because"], closed["closed_by"])
    assert told == ("discarded", "a test of a stranger's", operator.user_id)
    assert slug(await operator.send("POST", f"/{letter}/discard", json={"because": "again"})) == (
        409,
        "dead-letter-closed",
    )
    assert slug(await operator.send("POST", f"/{letter}/replay")) == (409, "dead-letter-closed")
    assert (await operator.send("GET", f"/{letter}")).json()["closed_because"] == "a test of a stranger's"


async def test_many_are_closed_by_what_they_have_in_common(operator: Operator) -> None:
    workspace = new_id()
    for number in range(4):
        await operator.letter(number, workspace, number + 1)
    await operator.letter(9, other := new_id(), 1)
    order = {"which": {"key": workspace, "group": GROUP}, "because": "the workspace is gone", "limit": 3}

    first = (await operator.send("POST", "/discard", json=order)).json()
    second = (await operator.send("POST", "/discard", json=order)).json()

    assert (first, second) == ({"discarded": 3, "more": True}, {"discarded": 1, "more": False})
    assert [one["key"] for one in await operator.listed()] == [other]


async def test_pages(operator: Operator) -> None:
    for number in range(5):
        await operator.letter(number, new_id(), 1)
    seen, cursor = [], None
    while True:
        params = {"limit": 2, "type": "WorkspaceChanged"} | ({"cursor": cursor} if cursor else {})
        page = (await operator.send("GET", params=params)).json()
        seen += [one["offset"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break

    assert sorted(seen) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/replay", {"which": {}}, 422),
        ("POST", "/replay", {"which": {"group": None}}, 422),
        ("POST", "/replay", {"which": {"$where": "1"}}, 422),
        ("POST", "/replay", {"which": {"key": "x"}, "limit": 501}, 422),
        ("POST", "/discard", {"which": {"key": "x"}}, 422),
        ("POST", "/discard", {"which": {"key": {"$ne": ""}}, "because": "everything"}, 422),
        ("POST", f"/{'a' * 24}/discard", {"because": "   "}, 422),
        ("POST", f"/{'a' * 24}/discard", {"because": "not there"}, 404),
        ("POST", f"/{'a' * 24}/replay", None, 404),
        ("GET", f"/{'a' * 24}", None, 404),
        ("GET", "/nonsense", None, 422),
        ("GET", "?since=yesterday", None, 422),
        ("GET", "?since=2026-03-01T12:00:00", None, 422),
        ("GET", "?limit=101", None, 422),
        ("GET", "?cursor=nonsense", None, 400),
        ("GET", "?whatever=1", None, 422),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    operator: Operator, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    await operator.letter(1, new_id(), 1)

    answer = await operator.send(method, path, **({"json": body} if body is not None else {}))

    assert answer.status_code == status, answer.text
    assert [one["status"] for one in await operator.listed()] == ["open"]


async def test_nobody_else_sees_or_touches_them(operator: Operator) -> None:
    letter = await operator.letter(1, new_id(), 1)
    publisher = bearer(new_id(), operator.catalog.clock.now(), "publisher")
    for method, path, body in (
        ("GET", "", None),
        ("GET", f"/{letter}", None),
        ("POST", f"/{letter}/replay", None),
        ("POST", f"/{letter}/discard", {"because": "because"}),
        ("POST", "/replay", {"which": {"group": GROUP}}),
        ("POST", "/discard", {"which": {"group": GROUP}, "because": "because"}),
    ):
        client, url = operator.catalog.client, PATH + path
        assert slug(await client.request(method, url, json=body, headers=publisher)) == (403, "role-required")
        assert slug(await client.request(method, url, json=body)) == (401, "token-missing")
    assert [one["status"] for one in await operator.listed()] == ["open"]
