"""A workspace is deleted: nothing goes on living in it."""

import pytest

from services.installer.domain import Kind
from services.installer.saga.inputs import CallReported, CheckSent, WorkspaceGone
from shared.contracts.auth import WorkspaceChanged
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import State
from shared.contracts.reasons import FailureReason
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from tests.integration.installer.processes import Process, Wire, requested
from tests.integration.installer.test_store import passes
from tests.unit.installer.story import OK
from tests.users import new_id


@pytest.fixture
async def process(database: Database, clock: DatabaseClock) -> Process:
    """One whose rounds a test goes by hand."""
    made = Process(database, clock, Wire())
    await made.store.prepare()
    await made.known.workspaces.prepare()
    return made


async def hears(process: Process, clock: DatabaseClock, workspace_id: str, version: int, *, deleted: bool) -> None:
    message = WorkspaceChanged(workspace_id=workspace_id, version=version, deleted=deleted)
    envelope: Envelope[Message] = Envelope(
        id=f"e{version}",
        source="/t",
        subject=workspace_id,
        time=clock.now(),
        data=message,
        correlation_id="c",
        causation_id=None,
    )
    await process.known.workspaces.apply([envelope])


async def installed(process: Process, clock: DatabaseClock, workspace_id: str) -> str:
    one = await requested(process.store, workspace_id=workspace_id, addon_key=f"addon-{new_id()}")
    await process.store.apply([(one.id, CheckSent(1)), (one.id, passes(one, clock))])
    await process.store.apply([(one.id, CallReported(Kind.INSTALLED, 1, 1, OK))])
    return one.id


async def state_of(process: Process, installation_id: str) -> tuple[State, FailureReason | None]:
    one = await process.store.find(installation_id)
    assert one is not None
    return one.state, one.reason


async def test_what_lives_in_a_deleted_workspace_ends_and_nothing_else(process: Process, clock: DatabaseClock) -> None:
    gone, other = new_id(), new_id()
    first, second = await installed(process, clock, gone), await installed(process, clock, gone)
    pending = (await requested(process.store, workspace_id=gone)).id
    elsewhere = await installed(process, clock, other)
    await hears(process, clock, other, 1, deleted=False)
    await hears(process, clock, gone, 1, deleted=True)

    await process.departures.round()

    assert await state_of(process, first) == await state_of(process, second) == (State.UNINSTALLED, None)
    assert await state_of(process, pending) == (State.FAILED, FailureReason.WORKSPACE_GONE)
    assert await state_of(process, elsewhere) == (State.INSTALLED, None)


async def test_a_process_that_dies_in_the_middle_leaves_the_workspace_due(
    process: Process, database: Database, clock: DatabaseClock
) -> None:
    gone = new_id()
    first, second = await installed(process, clock, gone), await installed(process, clock, gone)
    await hears(process, clock, gone, 1, deleted=True)
    await process.store.apply([(first, WorkspaceGone())])  # and then it was killed

    await process.departures.round()

    assert await state_of(process, first) == await state_of(process, second) == (State.UNINSTALLED, None)
    for installation_id in (first, second):
        document = await database["installations"].find_one({"_id": installation_id})
        assert document is not None
        assert document["seq"] == 3, "told once"


async def test_the_topic_read_again_tells_nothing_new_and_a_second_end_counts(
    process: Process, database: Database, clock: DatabaseClock
) -> None:
    workspace = new_id()
    first = await installed(process, clock, workspace)
    for _ in range(2):
        await hears(process, clock, workspace, 1, deleted=True)
        await process.departures.round()
        document = await database["installations"].find_one({"_id": first})
        assert document is not None
        assert (document["state"], document["seq"]) == ("UNINSTALLED", 3)
    assert await database["workspaces"].find_one({"deleted": True, "settled": None}) is None

    await hears(process, clock, workspace, 2, deleted=False)
    one = await installed(process, clock, workspace)
    await process.departures.round()
    assert await state_of(process, one) == (State.INSTALLED, None)

    await hears(process, clock, workspace, 3, deleted=True)
    await process.departures.round()
    assert await state_of(process, one) == (State.UNINSTALLED, None)


async def test_departed_workspaces_cost_a_round_nothing(
    process: Process, database: Database, clock: DatabaseClock
) -> None:
    for _ in range(5):
        await hears(process, clock, new_id(), 1, deleted=True)
    await process.departures.round()
    await hears(process, clock, new_id(), 1, deleted=False)
    plan = await database["workspaces"].find({"deleted": True, "settled": None}).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 0
    live = await database["installations"].find({"workspace_id": {"$in": ["a"]}, "live": True}).explain()
    assert "COLLSCAN" not in str(live["queryPlanner"]["winningPlan"])
