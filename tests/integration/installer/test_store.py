"""Installations in a real database: who is first, who loses a race, what the indexes are good for."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.installer import store as store_module
from services.installer.delivery.watchdog import Watchdog
from services.installer.domain import SCHEMA, Installation, Kind
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import (
    CallReported,
    CancelAsked,
    Checked,
    CheckSent,
    Due,
    Input,
    Lease,
    RedeliveryAsked,
    RetryAsked,
    SettingsChanged,
    Surroundings,
    UninstallAsked,
    Verdict,
)
from services.installer.storage import queries
from services.installer.storage.documents import from_document
from services.installer.storage.requests import AlreadyLive, Inserted, Present
from services.installer.store import InstallationStore, NewerSchemaError
from shared.contracts.auth import Plan, Role, WorkspaceChecked
from shared.contracts.installer import Outcome, State
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database, Document
from tests.integration.installer.processes import checking, limits, raw, requested
from tests.unit.installer.story import NOT_SEEN, OK, REFUSED, USER, addon, asked
from tests.users import new_id


@pytest.fixture
async def store(database: Database, clock: DatabaseClock) -> InstallationStore:
    made = InstallationStore(database, Saga(limits()), clock)
    await made.prepare()
    return made


@pytest.fixture
def others(database: Database, clock: DatabaseClock) -> list[InstallationStore]:
    """Two more processes."""
    return [InstallationStore(database, Saga(limits()), clock) for _ in range(2)]


def answer(one: Installation, **other: Any) -> WorkspaceChecked:
    facts: dict[str, Any] = {"found": True, "active": True, "role": Role.OWNER, "verified": True, "plan": Plan.PRO}
    return WorkspaceChecked(
        installation_id=one.id,
        check=one.check.number,
        workspace_id=one.workspace_id,
        user_id=one.user_id,
        **facts | other,
    )


def passes(one: Installation, clock: DatabaseClock, owner: str = "p1") -> Checked:
    lease = Lease(owner, clock.now() + limits().lease)
    return Checked(f"reply-{one.id}", answer(one), Surroundings(addon=addon(), lease=lease))


async def installed(store: InstallationStore, clock: DatabaseClock, **other: Any) -> Installation:
    one = await requested(store, **other)
    await store.apply([(one.id, CheckSent(1, tuple(entry["id"] for entry in one.outbox)))])
    await store.apply([(one.id, passes(one, clock))])
    (decision,) = await store.apply([(one.id, CallReported(Kind.INSTALLED, 1, 1, OK))])
    assert decision is not None
    assert decision.installation.state is State.INSTALLED
    return decision.installation


# --- new requests --------------------------------------------------------------------------------------------------


async def test_a_repeated_request_finds_what_came_of_the_first(store: InstallationStore) -> None:
    one = await requested(store, user_id=USER)
    again = await store.insert_requested(asked(workspace_id=one.workspace_id))
    assert isinstance(again, Present)
    assert again.installation.id == one.id
    elsewhere = await store.insert_requested(asked(workspace_id=new_id(), request="other"))
    assert isinstance(elsewhere, Present)
    assert elsewhere.installation.request == "hash", "the caller compares and refuses"


async def test_one_live_installation_per_workspace_and_add_on(
    store: InstallationStore, others: list[InstallationStore]
) -> None:
    workspace = new_id()
    requests = [asked(user_id=new_id(), idempotency_key=f"k{n}", workspace_id=workspace) for n in range(60)]
    processes = [store, *others]
    results = await asyncio.gather(*(processes[n % 3].insert_requested(one) for n, one in enumerate(requests)))
    counts = Counter(type(one) for one in results)
    assert counts == {Inserted: 1, AlreadyLive: 59}
    winner = next(one.installation for one in results if isinstance(one, Inserted))
    assert {one.installation_id for one in results if isinstance(one, AlreadyLive)} == {winner.id}


async def test_the_same_request_many_times_at_once_is_one(store: InstallationStore) -> None:
    request = asked(user_id=new_id(), workspace_id=new_id())
    results = await asyncio.gather(*(store.insert_requested(request) for _ in range(40)))
    assert Counter(type(one) for one in results) == {Inserted: 1, Present: 39}


async def test_generations_count_on_and_the_next_may_come_when_the_last_has_ended(store: InstallationStore) -> None:
    workspace = new_id()
    for generation in (1, 2, 3):
        one = await requested(store, workspace_id=workspace)
        assert one.generation == generation
        await store.ask(one.id, CancelAsked(USER))
    document = await raw(store, one.id)
    assert "live" not in document


async def test_many_requests_at_once_share_round_trips(store: InstallationStore) -> None:
    commands: list[str] = []
    real = store.collection.insert_many

    async def counting(*args: Any, **kwargs: Any) -> Any:
        commands.append("insert")
        return await real(*args, **kwargs)

    store.collection.insert_many = counting  # type: ignore[method-assign] # to count
    requests = [asked(user_id=new_id(), workspace_id=new_id()) for _ in range(200)]
    results = await asyncio.gather(*(store.insert_requested(one) for one in requests))
    assert all(isinstance(one, Inserted) for one in results)
    assert len(commands) <= 10


# --- the batch step ------------------------------------------------------------------------------------------------


async def test_what_is_written_is_what_was_decided(store: InstallationStore, clock: DatabaseClock) -> None:
    one = await requested(store)
    await checking(store, one)
    (decision,) = await store.apply([(one.id, passes(one, clock))])
    assert decision is not None
    stored = await store.find(one.id)
    assert stored == decision.installation
    assert stored is not None
    assert (stored.version, stored.state) == (3, State.DELIVERING)


async def test_a_batch_folds_inputs_of_one_installation_in_order(
    store: InstallationStore, clock: DatabaseClock
) -> None:
    ones = [await requested(store) for _ in range(3)]
    inputs: list[tuple[str, Input]] = [(one.id, CheckSent(1)) for one in ones]
    inputs += [(one.id, passes(one, clock)) for one in ones]
    inputs += [(one.id, CallReported(Kind.INSTALLED, 1, 1, OK)) for one in ones]
    inputs.append(("f" * 24, CancelAsked(USER)))
    decisions = await store.apply(inputs)
    assert decisions[-1] is None
    assert [each.verdict for each in decisions[:-1] if each] == [Verdict.APPLIED] * 9
    for one in ones:
        document = await raw(store, one.id)
        assert (document["state"], document["version"], document["seq"]) == ("INSTALLED", 2, 2)


async def test_the_write_that_clears_the_question_moves_to_checking(store: InstallationStore) -> None:
    one = await requested(store)
    first, question = [entry["id"] for entry in one.outbox]
    await store.clear_sent({one.id: [question]})
    document = await raw(store, one.id)
    assert document["state"] == "CHECKING"
    assert [entry["id"] for entry in document["outbox"]] == [first]
    assert "outbox_since" in document
    await store.clear_sent({one.id: [first]})
    document = await raw(store, one.id)
    assert document["outbox"] == []
    assert "outbox_since" not in document
    await store.clear_sent({one.id: [first, question]})
    assert (await raw(store, one.id))["version"] == 2


async def test_clearing_never_takes_out_what_came_meanwhile(
    store: InstallationStore, others: list[InstallationStore]
) -> None:
    one = await requested(store)
    sent = [entry["id"] for entry in one.outbox]
    await others[0].ask(one.id, CancelAsked(USER))
    await store.clear_sent({one.id: sent})
    document = await raw(store, one.id)
    assert [entry["id"] for entry in document["outbox"]] == [f"{one.id}:2"]
    assert (document["state"], document["outcome"]) == ("FAILED", "failed")


async def test_what_this_process_remembers_is_not_believed_when_others_have_written(
    store: InstallationStore, others: list[InstallationStore], clock: DatabaseClock
) -> None:
    one = await requested(store)
    await checking(others[0], one)
    await others[0].apply([(one.id, passes(one, clock))])
    assert (await store.peek([one.id]))[one.id].state is State.REQUESTED, "this process remembers the beginning"
    (decision,) = await store.apply([(one.id, CallReported(Kind.INSTALLED, 1, 1, OK))])
    assert decision is not None
    assert decision.installation.state is State.INSTALLED


async def test_racing_processes_agree_on_one_history(
    store: InstallationStore, others: list[InstallationStore], clock: DatabaseClock
) -> None:
    ones = [await requested(store) for _ in range(40)]
    processes = [store, *others]

    async def play(process: InstallationStore, name: str) -> None:
        for message_of in (
            lambda one: CheckSent(1, tuple(entry["id"] for entry in one.outbox)),
            lambda one: passes(one, clock, name),
            lambda one: Due(Surroundings(addon=addon(), lease=Lease(name, clock.now() + limits().lease))),
            lambda one: CallReported(Kind.INSTALLED, 1, 1, OK if name == "p0" else REFUSED),
            lambda _: CancelAsked(USER),
            lambda _: UninstallAsked(USER),
        ):
            await process.apply([(one.id, message_of(one)) for one in ones])

    await asyncio.gather(*(play(process, f"p{number}") for number, process in enumerate(processes)))
    for one in ones:
        document = await raw(store, one.id)
        events = [entry["id"] for entry in document["outbox"]]
        assert events == [f"{one.id}:{number}" for number in range(2, document["seq"] + 1)]
        types = [dict(entry["headers"])["ce_type"] for entry in document["outbox"]]
        assert sum(name in ("AddOnInstalled", "InstallFailed") for name in types) == 1
        steps = [entry["n"] for entry in document["history"]]
        assert steps == list(range(1, document["steps"] + 1))
        assert from_document(document).outcome is not Outcome.PENDING


async def test_older_history_moves_to_the_log(store: InstallationStore, clock: DatabaseClock) -> None:
    one = await requested(store)
    await checking(store, one)
    await store.apply([(one.id, passes(one, clock))])
    for attempt in range(1, 31):
        await store.apply([(one.id, CallReported(Kind.INSTALLED, 1, attempt, NOT_SEEN))])
        lease = Lease("p1", clock.now() + limits().lease)
        await store.apply([(one.id, RetryAsked(USER)), (one.id, Due(Surroundings(addon=addon(), lease=lease)))])
    found = await store.find(one.id)
    assert found is not None
    older = await store.older_history(one.id)
    assert len(found.history) == 50
    assert [entry["n"] for entry in (*older, *found.history)] == list(range(1, found.steps + 1))


async def test_of_very_much_older_history_the_newest_is_told(
    store: InstallationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await requested(store)
    for _ in range(60):
        await store.apply([(one.id, RetryAsked(USER))])  # while Kafka is away each is only noted
    monkeypatch.setattr(queries, "OLDER_MOST", 5)
    older = await store.older_history(one.id)
    found = await store.find(one.id)
    assert found is not None
    assert [entry["n"] for entry in older] == list(range(found.steps - 54, found.steps - 49))


async def test_texts_that_look_like_operators_are_texts(store: InstallationStore, clock: DatabaseClock) -> None:
    one = await requested(store, addon_name="$name")
    sent = [entry["id"] for entry in one.outbox]
    # The pipeline form of an update must not read them as field paths.
    refusal = answer(one, verified=False)
    await store.apply(
        [(one.id, CheckSent(1, tuple(sent))), (one.id, Checked("$reply", refusal, Surroundings(addon=addon())))]
    )
    document = await raw(store, one.id)
    assert (document["applied"], document["addon_name"], document["state"]) == (["$reply"], "$name", "FAILED")
    another = await installed(store, clock)
    await store.ask(another.id, SettingsChanged({"a.$b": "$x"}))
    found = await store.find(another.id)
    assert found is not None
    assert found.settings == {"a.$b": "$x"}


async def test_concurrent_askers_share_the_batch_step(store: InstallationStore) -> None:
    ones = [await requested(store) for _ in range(30)]
    decisions = await asyncio.gather(*(store.ask(one.id, CancelAsked(USER)) for one in ones for _ in range(2)))
    counts = Counter(each.verdict for each in decisions if each)
    assert counts == {Verdict.APPLIED: 30, Verdict.UNCHANGED: 30}
    assert await store.ask("f" * 24, CancelAsked(USER)) is None


# --- a rolling upgrade ---------------------------------------------------------------------------------------------


async def test_what_a_newer_release_wrote_is_parked_for_it(
    store: InstallationStore, others: list[InstallationStore], clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await requested(others[0])
    sent = tuple(entry["id"] for entry in one.outbox)
    await store.collection.update_one({"_id": one.id}, {"$set": {"schema": SCHEMA + 1}, "$inc": {"version": 1}})
    assert await store.apply([(one.id, CheckSent(1, sent))]) == [None]
    assert await store.apply([(one.id, passes(one, clock))]) == [None]
    with pytest.raises(NewerSchemaError):
        await store.ask(one.id, CancelAsked(USER))
    document = await raw(store, one.id)
    assert [entry["type"] for entry in document["parked"]] == ["CheckSent", "Checked"]
    assert document["outbox"] == []
    assert document["state"] == "REQUESTED"
    assert await store.due(10, []) == [], "nor does it look at it again"

    monkeypatch.setattr(store_module, "SCHEMA", SCHEMA + 1)
    lease = Lease("newer", clock.now() + limits().lease)
    (decision,) = await store.apply([(one.id, Due(Surroundings(addon=addon(), lease=lease)))])
    assert decision is not None
    found = await store.find(one.id)
    assert found is not None
    assert (found.state, found.parked) == (State.DELIVERING, ())


# --- indexes -------------------------------------------------------------------------------------------------------


async def test_the_hot_questions_use_indexes(
    store: InstallationStore, database: Database, clock: DatabaseClock
) -> None:
    for _ in range(300):
        await requested(store)
    plans = []
    real = store.collection.find

    def explained(*args: Any, **kwargs: Any) -> Any:
        cursor = real(*args, **kwargs)
        plans.append(cursor.clone())
        return cursor

    store.collection.find = explained  # type: ignore[method-assign] # to explain
    one = await installed(store, clock)
    await store.ask(one.id, UninstallAsked(USER))
    found = await store.due(10, ["other/INSTALLED"])
    while not found:  # due by the server's clock, of which ours is an estimate
        found = await store.due(10, ["other/INSTALLED"])
    assert found[0].id == one.id
    await store.live(one.addon_key, [one.workspace_id])
    await store.by_workspace(one.workspace_id, after=(clock.now(), "f" * 24))
    await store.by_addon(one.addon_key, limit=10)
    await store.waiting(one.addon_key, 10)
    await store.delivering(one.addon_key, 10)
    await store.newer(one)
    await store.open_before([await requested(store, workspace_id=one.workspace_id)])
    for cursor in plans:
        plan = await cursor.explain()
        stages = str(plan["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in stages, stages
        statistics = plan["executionStats"]
        assert statistics["totalDocsExamined"] <= max(12, 2 * statistics["nReturned"]), statistics


async def test_looking_for_due_work_does_not_read_what_is_not_due(
    store: InstallationStore, clock: DatabaseClock
) -> None:
    """A day's waiting installations and a million past ones cost the poll nothing."""
    for _ in range(200):
        await requested(store)
    which = {
        "due_at": {"$type": "date", "$lte": clock.now()},
        "$expr": {"$lte": ["$due_at", "$$NOW"]},
        "schema": {"$lte": SCHEMA},
    }
    plan: Document = await store.collection.find(which).sort("due_at", 1).limit(10).explain()
    statistics = plan["executionStats"]
    assert (statistics["totalDocsExamined"], statistics["totalKeysExamined"]) == (0, 0), statistics


async def test_a_full_lane_hides_its_own_work_only_and_no_deadline(
    store: InstallationStore, database: Database, clock: DatabaseClock
) -> None:
    ones = [await requested(store, addon_key=key) for key in ("slow", "slow", "fast")]
    for one in ones:
        await checking(store, one)
        around = Surroundings(addon=addon())  # no slot
        await store.apply([(one.id, Checked(f"r{one.id}", answer(one), around))])
    past = clock.now() - limits().lease
    await store.collection.update_many({}, {"$set": {"due_at": past}})
    assert {item.id for item in await store.due(10, [])} == {one.id for one in ones}
    assert {item.id for item in await store.due(10, ["slow/INSTALLED"])} == {ones[2].id}
    await store.collection.update_one({"_id": ones[0].id}, {"$set": {"deadline": past}})
    assert {item.id for item in await store.due(10, ["slow/INSTALLED"])} == {ones[0].id, ones[2].id}


async def test_lists_page_without_gaps(store: InstallationStore) -> None:
    addon_key = f"addon-{new_id()}"
    ones = [await requested(store, addon_key=addon_key) for _ in range(7)]
    found: list[Installation] = []
    while page := await store.by_addon(
        addon_key, after=(found[-1].requested_at, found[-1].id) if found else None, limit=3
    ):
        found += page
    assert [one.id for one in found] == [
        one.id for one in sorted(ones, key=lambda one: (one.requested_at, one.id), reverse=True)
    ]
    await store.ask(ones[0].id, CancelAsked(USER))
    assert [one.id for one in await store.by_addon(addon_key, state=State.FAILED)] == [ones[0].id]


async def test_what_is_stranded_is_told_to_operators(
    store: InstallationStore, clock: DatabaseClock, database: Database
) -> None:
    watchdog = Watchdog(store)
    pending, owed, redelivered = await requested(store), await installed(store, clock), await installed(store, clock)
    await store.ask(owed.id, UninstallAsked(USER))
    await store.ask(redelivered.id, RedeliveryAsked("operator"))
    with capture_logs() as logs:
        await watchdog.look()
    assert (logs, REGISTRY.get_sample_value("souk_installations_stranded")) == ([], 0)

    await store.collection.update_many({}, {"$unset": {"due_at": ""}})
    with capture_logs() as logs:
        await watchdog.look()
    (told,) = logs
    assert (told["event"], told["log_level"]) == ("installations_stranded", "error")
    assert told["installation_ids"] == sorted([pending.id, owed.id])
    assert REGISTRY.get_sample_value("souk_installations_stranded") == 2
    assert (await store.stranded(thorough=True)).keys() == {pending.id, owed.id, redelivered.id}


async def test_the_watchdog_reads_nothing_that_is_finished(store: InstallationStore, clock: DatabaseClock) -> None:
    for _ in range(5):
        await installed(store, clock)
    plans = []
    real = store.collection.find

    def noted(*args: Any, **kwargs: Any) -> Any:
        plans.append(real(*args, **kwargs))
        return plans[-1].clone()

    store.collection.find = noted  # type: ignore[method-assign] # to explain
    assert await store.stranded() == {}
    (cursor,) = plans
    plan = await cursor.explain()
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
