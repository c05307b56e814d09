"""Answers to `CheckWorkspace`: right, once per command, and only when the broker has them."""

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from services.auth.accounts.store import Users
from services.auth.handlers import WorkspaceChecks
from services.auth.workspaces.store import Workspaces
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import CheckWorkspace
from shared.plumbing.outcomes import Outcome
from shared.plumbing.producer import Producer, ProducerUnavailableError
from shared.plumbing.records import Record
from tests.integration.auth.conftest import API, Auth, Session
from tests.integration.auth.test_directory import arrive, pushed


class _Broker:
    """Takes records, or is away."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.away = False

    async def send(self, record: Record) -> None:
        if self.away:
            raise ProducerUnavailableError
        self.records.append(record)

    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(record.value or b"") for record in self.records]


def asked(auth: Auth, workspace_id: str, user_id: str, *, age: float = 0, check: int = 1) -> Envelope[Message]:
    command = CheckWorkspace(
        installation_id="c" * 24,
        check=check,
        workspace_id=workspace_id,
        user_id=user_id,
        asked_at=auth.service.clock.now() - timedelta(seconds=age),
    )
    return Envelope(
        id=f"{'c' * 24}:check:{check}",
        source="/souk/installer",
        subject="c" * 24,
        time=auth.service.clock.now(),
        data=command,
        correlation_id="correlation-1",
        causation_id=None,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )


@pytest.fixture
def broker() -> _Broker:
    return _Broker()


@pytest.fixture
def checks(auth: Auth, broker: _Broker) -> WorkspaceChecks:
    clock, (user_states, workspace_states) = auth.service.clock, auth.service.states
    users, workspaces = Users(auth.database, clock, user_states), Workspaces(auth.database, clock, workspace_states)
    return WorkspaceChecks(users, workspaces, cast("Producer", broker), clock)


async def local(auth: Auth, someone: Session) -> str:
    made = await auth.http.post(f"{API}/workspaces", json={"name": "x", "region": "eu"}, headers=someone.headers)
    return str(made.json()["id"])


async def ask(checks: WorkspaceChecks, batch: Sequence[Envelope[Message]]) -> list[Outcome]:
    return list(await checks.on_checks(batch))


async def test_the_answer_is_what_stands_in_the_database(auth: Auth, checks: WorkspaceChecks, broker: _Broker) -> None:
    ada = await auth.person()
    workspace_id = await local(auth, ada)
    assert await ask(checks, [asked(auth, workspace_id, ada.user_id, check=3)]) == [Outcome.DONE]
    assert broker.answers() == [
        {
            "installation_id": "c" * 24,
            "check": 3,
            "workspace_id": workspace_id,
            "user_id": ada.user_id,
            "found": True,
            "workspace_version": 1,
            "active": True,
            "role": "owner",
            "verified": True,
            "two_factor": False,
            "requires_two_factor": False,
            "plan": "FREE",
            "product": "",
            "region": "eu",
        }
    ]
    (record,) = broker.records
    headers = {name: text.decode() for name, text in record.headers}
    assert record.key == b"c" * 24
    assert (headers["ce_type"], headers["ce_source"], headers["ce_subject"]) == (
        "WorkspaceChecked",
        "/souk/auth",
        "c" * 24,
    )
    assert headers["causation_id"] == f"{'c' * 24}:check:3"
    assert headers["correlation_id"] == "correlation-1"
    assert headers["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert uuid.UUID(headers["ce_id"]).version == 5


async def test_a_repeated_command_gets_an_answer_with_the_same_id(
    auth: Auth, checks: WorkspaceChecks, broker: _Broker
) -> None:
    ada = await auth.person()
    workspace_id = await local(auth, ada)
    one = asked(auth, workspace_id, ada.user_id)
    await ask(checks, [one, one])
    await ask(checks, [one])
    ids = {dict(record.headers)["ce_id"] for record in broker.records}
    assert len(broker.records) == 3
    assert len(ids) == 1


async def test_strangers_and_unknown_ones_are_not_found(auth: Auth, checks: WorkspaceChecks, broker: _Broker) -> None:
    ada, eve = await auth.person(), await auth.person()
    workspace_id = await local(auth, ada)
    batch = [
        asked(auth, workspace_id, eve.user_id, check=1),
        asked(auth, "f" * 24, ada.user_id, check=2),
        asked(auth, workspace_id, "f" * 24, check=3),
        asked(auth, "$where", "", check=4),
        asked(auth, workspace_id, ada.user_id, check=5),
    ]
    assert await ask(checks, batch) == [Outcome.DONE] * 5
    assert [answer["found"] for answer in broker.answers()] == [False, False, False, False, True]
    assert broker.answers()[0]["role"] is None


async def test_an_old_command_is_not_answered(auth: Auth, checks: WorkspaceChecks, broker: _Broker) -> None:
    ada = await auth.person()
    workspace_id = await local(auth, ada)
    batch = [asked(auth, workspace_id, ada.user_id, age=601), asked(auth, workspace_id, ada.user_id, age=590)]
    assert await ask(checks, batch) == [Outcome.IGNORED, Outcome.DONE]
    assert len(broker.records) == 1


async def test_without_the_brokers_word_nothing_is_done(auth: Auth, checks: WorkspaceChecks, broker: _Broker) -> None:
    broker.away = True
    with pytest.raises(ProducerUnavailableError):
        await ask(checks, [asked(auth, "f" * 24, "e" * 24)])


async def test_members_of_a_products_workspace_with_the_facts_of_the_product(
    auth: Auth, checks: WorkspaceChecks, broker: _Broker
) -> None:
    ada, bob = await arrive(auth, "ada"), await arrive(auth, "bob")
    members = [{"subject": f"s{n}", "role": "member"} for n in range(9_998)]
    members += [{"subject": "ada", "role": "admin"}, {"subject": "bob", "role": "member"}]
    await pushed(auth, members=members, requires_two_factor=True, active=False)
    workspace_id = "64a000000000000000000001"
    await ask(checks, [asked(auth, workspace_id, one.id, check=n) for n, one in enumerate((ada, bob))])
    facts = [
        (one["role"], one["plan"], one["product"], one["active"], one["requires_two_factor"])
        for one in broker.answers()
    ]
    assert facts == [("admin", "PRO", "acme", False, True), ("member", "PRO", "acme", False, True)]
    await auth.http.delete(
        f"{API}/directory/acme/workspaces/{workspace_id}", headers={"Authorization": "Bearer acme-directory-token"}
    )
    broker.records.clear()
    await ask(checks, [asked(auth, workspace_id, ada.id)])
    assert [one["found"] for one in broker.answers()] == [False]


async def test_the_batch_is_read_by_index(auth: Auth) -> None:
    """No query of the hot path looks at every document."""
    for collection, which in (
        ("workspaces", {"_id": {"$in": ["a" * 24, "b" * 24]}, "deleted_at": None}),
        ("users", {"_id": {"$in": ["a" * 24]}, "deleted_at": None}),
        ("users", {"email_key": "ada@example.com"}),
        ("users", {"identities": {"$elemMatch": {"provider": "acme", "sub": {"$in": ["ada"]}}}}),
        ("workspaces", {"members.user_id": "a" * 24, "_id": {"$gt": ""}, "deleted_at": None}),
        ("workspaces", {"provider": "acme", "members": {"$elemMatch": {"subject": "ada", "user_id": {"$ne": "x"}}}}),
        ("workspaces", {"provider": "acme", "members": {"$elemMatch": {"user_id": "x", "subject": {"$nin": ["ada"]}}}}),
        ("workspaces", {"unresolved_at": {"$type": "date", "$lt": auth.service.clock.now()}}),
        ("users", {"identities_changed_at": {"$type": "date", "$lt": auth.service.clock.now()}}),
        ("sessions", {"user_id": "a" * 24, "ended_at": None}),
    ):
        plan = await auth.database[collection].find(which).explain()
        stages = json.dumps(plan["queryPlanner"]["winningPlan"], default=str)
        assert "COLLSCAN" not in stages, (collection, which)
