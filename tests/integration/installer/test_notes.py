"""What Kafka has is noted by the write that comes anyway: three writes tell the life of a quick installation."""

from collections.abc import Sequence

from services.installer.domain import Installation
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import CancelAsked, Verdict
from services.installer.store import InstallationStore
from shared.contracts.installer import State
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database
from tests.integration.installer.processes import limits, raw, requested
from tests.integration.installer.test_store import passes
from tests.unit.installer.story import USER


class Sent:
    """An `Announce` of a process whose relay has sent everything."""

    def __init__(self) -> None:
        self.ids: dict[str, Sequence[str]] = {}

    def __call__(self, before: Installation | None, after: Installation) -> None:
        if before is None:
            self.ids[after.id] = [entry["id"] for entry in after.outbox]

    def take(self, document_id: str) -> Sequence[str]:
        return self.ids.pop(document_id, ())

    def give_back(self, document_id: str, ids: Sequence[str]) -> None:
        self.ids[document_id] = ids


async def prepared(database: Database, clock: DatabaseClock) -> tuple[InstallationStore, Sent]:
    store, sent = InstallationStore(database, Saga(limits()), clock), Sent()
    await store.prepare()
    store.connect(sent)
    return store, sent


async def test_the_answer_brings_the_note_that_the_question_was_sent(database: Database, clock: DatabaseClock) -> None:
    store, sent = await prepared(database, clock)
    one = await requested(store)

    (decision,) = await store.apply([(one.id, passes(one, clock))])

    assert decision is not None
    assert decision.installation.state is State.DELIVERING
    document = await raw(store, one.id)
    assert (document["version"], document["outbox"], "outbox_since" in document) == (2, [], False)
    assert document["check"]["sent_at"] is not None
    steps = [(entry["source"], entry["target"]) for entry in document["history"] if entry["what"] == "state"]
    assert steps == [("REQUESTED", "CHECKING"), ("CHECKING", "DELIVERING")]
    assert sent.ids == {}


async def test_the_callers_of_a_batch_get_their_own_decisions_beside_notes(
    database: Database, clock: DatabaseClock
) -> None:
    store, _ = await prepared(database, clock)
    one, two = await requested(store), await requested(store)

    decisions = await store.apply(
        [(one.id, CancelAsked(USER)), (two.id, passes(two, clock)), (one.id, CancelAsked(USER))]
    )

    assert [each.verdict for each in decisions if each] == [Verdict.APPLIED, Verdict.APPLIED, Verdict.UNCHANGED]
    assert [each.installation.id for each in decisions if each] == [one.id, two.id, one.id]


async def test_clearing_a_question_is_left_to_the_saga(database: Database, clock: DatabaseClock) -> None:
    store, sent = await prepared(database, clock)
    one = await requested(store)
    ids = sent.ids[one.id]

    assert store.take(one.id) == (), "else the deadline of the check would never begin"
    assert sent.ids == {one.id: ids}

    sent.ids[one.id] = ids[:1]
    assert store.take(one.id) == ids[:1]
