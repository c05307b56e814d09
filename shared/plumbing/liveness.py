"""Is this process getting anywhere? Not *does it answer a ping*.

Consumers can go silent while their process lives: a dead coordinator task, a fetcher that never rejoins, a
blocked event loop. So the probe looks at progress: tasks alive, positions moving while there is work.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

from shared.plumbing.metrics import CONSUMER_LAG, CONSUMER_LAG_SECONDS, CONSUMER_STARTED, LOOP_LAG

Check = tuple[bool, str]

STALLED_AFTER = 120.0  # seconds without progress while records wait; longer than any pause of a handler
LOOP_LAG_LIMIT = 5.0


@dataclass
class ConsumerProgress:
    """Watches one subscriber of FastStream."""

    topic: str
    subscriber: Any
    tried_at: float = 0.0
    """When the last batch was begun, on the monotonic clock. One that waits for the database is begun again and
    again: it stands still, but a restart of the process would not help."""
    _seen: dict[Any, tuple[int, float]] = field(default_factory=dict)
    _marks: dict[Any, tuple[int, float]] = field(default_factory=dict)
    """An end of each partition, and when it was seen; once that is reached, the next one is noted."""

    def check(self) -> Check:
        """Healthy, or what stands still. Uses private names of aiokafka 0.14, which is pinned for that reason."""
        tasks = self.tasks()
        CONSUMER_STARTED.labels(self.topic).set(bool(tasks))
        if not tasks:
            return True, "not started"  # Kafka is away; restarting the process would not help
        dead = [name for name, task in tasks.items() if task.done()]
        if dead:
            return False, f"{', '.join(dead)} task ended"
        return self._positions(self.subscriber.consumer)

    def tasks(self) -> dict[str, asyncio.Task[Any]]:
        """What runs for the consumer, by name; nothing until it is started."""
        consumer = self.subscriber.consumer
        if consumer is None or not self.subscriber.tasks:
            return {}
        return {
            "coordinator": consumer._coordinator._coordination_task,  # noqa: SLF001
            "fetcher": consumer._fetcher._fetch_task,  # noqa: SLF001
            "subscriber": self.subscriber.tasks[0],
        }

    def _positions(self, consumer: Any) -> Check:
        now = time.monotonic()
        lag, waited = 0, 0.0
        stalled: list[str] = []
        assigned = consumer.assignment()
        for part in assigned:
            state = consumer._subscription.subscription.assignment.state_value(part)  # noqa: SLF001
            if state is None or not state.has_valid_position:
                continue
            behind = max(0, (consumer.highwater(part) or 0) - state.position)
            lag += behind
            waited = max(waited, self._waited(part, state.position, behind, now))
            position, since = self._seen.get(part, (-1, now))
            if state.position != position or not behind:
                since = now
            self._seen[part] = (state.position, since)
            if now - max(since, self.tried_at) > STALLED_AFTER:
                stalled.append(f"partition {part.partition} stands at {state.position}")
        CONSUMER_LAG.labels(self.topic).set(lag)
        CONSUMER_LAG_SECONDS.labels(self.topic).set(waited)
        return not stalled, "; ".join(stalled) or f"{len(assigned)} partitions, {lag} records behind"

    def _waited(self, part: Any, position: int, behind: int, now: float) -> float:
        """How long what is behind may have waited, without asking any clock of records: since its end was seen."""
        end, since = self._marks.get(part, (position, now))
        if position >= end:
            # All that was there then is handled; what is behind now came later.
            self._marks[part] = position + behind, now
            return now - since if behind else 0.0
        return now - since


class Liveness:
    """The process's answer to `GET /live`."""

    def __init__(self, consumers: Any = None) -> None:
        self._consumers = consumers
        self._loop_lag = 0.0

    async def run(self) -> None:
        """Measure the event loop's lag until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(1.0)
            self._loop_lag = max(0.0, time.monotonic() - before - 1.0)
            LOOP_LAG.set(self._loop_lag)
            for progress in getattr(self._consumers, "progress", ()):
                with contextlib.suppress(Exception):  # just being started or stopped
                    progress.check()  # measures

    async def check(self) -> dict[str, Check]:
        """Every part by name; all must be healthy. The producer is none of them: it repairs itself."""
        found: dict[str, Check] = {"event_loop": (self._loop_lag < LOOP_LAG_LIMIT, f"lag {self._loop_lag:.2f} s")}
        for progress in getattr(self._consumers, "progress", ()):
            found[f"consumer:{progress.topic}"] = progress.check()
        return found
