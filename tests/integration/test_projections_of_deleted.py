"""What every projection of every service keeps of a thing that was deleted: that it was, and as of which version."""

from collections.abc import Callable

import pytest

from services.catalog import store_projections as catalog
from services.installer.known import Known
from services.notifier import store as notifier
from shared.contracts.envelope import Envelope, Message, StateMessage
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome
from shared.plumbing.projections import Projection
from tests.contracts.golden import golden_message

PROJECTIONS: dict[str, Callable[[Database], Projection]] = {
    "catalog.workspaces": catalog.workspaces,
    "catalog.installations": catalog.installations,
    "catalog.health": catalog.health,
    "installer.accounts": lambda database: Known(database).accounts,
    "installer.workspaces": lambda database: Known(database).workspaces,
    "installer.addons": lambda database: Known(database).addons,
    "installer.notices": lambda database: Known(database).notices,
    "notifier.accounts": notifier.accounts,
    "notifier.workspaces": notifier.workspaces,
    "notifier.addons": notifier.addons,
    "notifier.installations": notifier.installations,
}


@pytest.fixture(params=PROJECTIONS)
async def projection(request: pytest.FixtureRequest, database: Database) -> Projection:
    found = PROJECTIONS[request.param](database)
    await found.prepare()
    return found


def state(projection: Projection, version: int, *, deleted: bool = False) -> StateMessage:
    """The golden example of the projection's first message, at this version."""
    message = golden_message(projection.messages[0])
    assert isinstance(message, StateMessage)
    return message.model_copy(update={"version": version, "deleted": deleted})


def record(message: StateMessage, clock: DatabaseClock) -> Envelope[Message]:
    return Envelope(
        id="e", source="/t", subject="s", time=clock.now(), data=message, correlation_id="c", causation_id=None
    )


async def test_nothing_of_it_is_kept_but_that_it_is_gone(projection: Projection, clock: DatabaseClock) -> None:
    living, gone = state(projection, 1), state(projection, 2, deleted=True)

    assert await projection.apply([record(living, clock)]) == [Outcome.DONE]
    assert await projection.apply([record(gone, clock)]) == [Outcome.DONE]

    only = {"_id": living.key(), "version": 2, "deleted": True}
    assert await projection.collection.find().to_list() == [only]
    assert await projection.apply([record(living, clock)]) == [Outcome.SUPERSEDED]
    assert await projection.collection.find().to_list() == [only]


async def test_one_that_is_first_heard_of_when_it_is_gone_stays_gone(
    projection: Projection, clock: DatabaseClock
) -> None:
    assert await projection.apply([record(state(projection, 2, deleted=True), clock)]) == [Outcome.DONE]

    assert await projection.apply([record(state(projection, 1), clock)]) == [Outcome.SUPERSEDED]
    assert (await projection.collection.find().to_list())[0].keys() == {"_id", "version", "deleted"}


async def test_one_that_comes_back_is_there_again(projection: Projection, clock: DatabaseClock) -> None:
    first = state(projection, 1)
    await projection.apply([record(first, clock)])
    before = await projection.collection.find_one({"_id": first.key()})
    await projection.apply([record(state(projection, 2, deleted=True), clock)])

    assert await projection.apply([record(state(projection, 3), clock)]) == [Outcome.DONE]

    assert before is not None
    assert before.pop("version") == 1
    after = await projection.collection.find_one({"_id": first.key()}) or {}
    assert after.pop("version") == 3
    assert after == before
