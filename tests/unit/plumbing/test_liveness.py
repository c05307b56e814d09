"""When a consumer counts as stuck: only when a restart of the process would help."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.plumbing import liveness
from shared.plumbing.liveness import ConsumerProgress

PART = TopicPartition("topic", 0)


class Played:
    """A subscriber of FastStream and its consumer, as far as they are looked at."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.position = SimpleNamespace(position=10, has_valid_position=True)
        self.ended = {"coordinator": False, "fetcher": False, "subscriber": False}
        assignment = SimpleNamespace(state_value=lambda _: self.position)
        self.consumer = SimpleNamespace(
            _coordinator=SimpleNamespace(_coordination_task=self._task("coordinator")),
            _fetcher=SimpleNamespace(_fetch_task=self._task("fetcher")),
            _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)),
            assignment=lambda: {PART},
            highwater=lambda _: 12,
        )
        self.tasks = [self._task("subscriber")]

    def _task(self, name: str) -> Any:
        return SimpleNamespace(done=lambda: self.ended[name])


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    subscriber = Played()
    monkeypatch.setattr(liveness, "time", SimpleNamespace(monotonic=lambda: subscriber.now))
    return subscriber


def test_a_consumer_that_is_not_started_waits_for_kafka_and_is_well(played: Played) -> None:
    played.tasks = []
    assert ConsumerProgress("topic", played).check() == (True, "not started")


def test_a_position_that_stands_while_records_wait_is_stuck_after_two_minutes(played: Played) -> None:
    progress = ConsumerProgress("topic", played)
    assert progress.check() == (True, "1 partitions, 2 records behind")
    played.now += 119
    assert progress.check()[0]
    played.now += 2
    assert progress.check() == (False, "partition 0 stands at 10")
    played.position.position = 11
    assert progress.check() == (True, "1 partitions, 1 records behind")


def test_a_position_that_stands_because_nothing_waits_is_well(played: Played) -> None:
    played.position.position = 12
    progress = ConsumerProgress("topic", played)
    for _ in range(3):
        assert progress.check() == (True, "1 partitions, 0 records behind")
        played.now += 100


def test_a_batch_that_is_begun_again_and_again_while_the_database_is_away_is_not_stuck(played: Played) -> None:
    progress = ConsumerProgress("topic", played)
    for _ in range(60):
        progress.tried_at = played.now
        assert progress.check()[0]
        played.now += 10
    played.now += 111
    assert not progress.check()[0]


@pytest.mark.parametrize("name", ["coordinator", "fetcher", "subscriber"])
def test_a_task_that_ended_is_told_by_name(played: Played, name: str) -> None:
    played.ended[name] = True
    assert ConsumerProgress("topic", played).check() == (False, f"{name} task ended")


def test_what_is_behind_has_waited_since_the_end_was_seen_that_is_not_reached() -> None:
    progress = ConsumerProgress("topic", None)

    assert progress._waited(0, 10, 0, 100.0) == 0
    assert progress._waited(0, 10, 5, 101.0) == 1, "the five came within the last second"
    assert progress._waited(0, 12, 9, 104.0) == 3
    assert progress._waited(0, 15, 9, 106.0) == 5, "all that was there at 101 is handled; what is behind came later"
    assert progress._waited(0, 16, 8, 108.0) == 2
    assert progress._waited(0, 24, 0, 109.0) == 0
