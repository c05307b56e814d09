"""The clock that is also how a process knows whether its database answers."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from shared.plumbing import clock
from shared.plumbing.clock import ClockNotSetError, DatabaseClock
from shared.plumbing.tasks import end

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Answers:
    """A database that answers as it is told, one look after the other, and says when the last was asked for."""

    def __init__(self, *answers: bool) -> None:
        self._answers: Iterator[bool] = iter(answers)
        self.over = asyncio.Event()

    async def command(self, _: str) -> dict[str, Any]:
        answer = next(self._answers, None)
        if answer is None:
            self.over.set()
            await asyncio.Event().wait()
        if not answer:
            raise AutoReconnect("gone")
        return {"localTime": NOW.replace(tzinfo=None)}  # as the driver answers a command


@pytest.mark.parametrize(
    ("answers", "in_touch"),
    [
        ([], False),
        ([False], False),
        ([True], True),
        ([True, False], True),
        ([True, False, True, False], True),
        ([True, False, False], False),
        ([True, False, False, False, True], True),
    ],
)
async def test_the_database_is_lost_after_two_looks_without_an_answer(
    monkeypatch: pytest.MonkeyPatch, answers: list[bool], in_touch: bool
) -> None:
    monkeypatch.setattr(clock, "REFRESH_SECONDS", 0)
    monkeypatch.setattr(clock, "RETRY_SECONDS", 0)
    database = Answers(*answers)
    known = DatabaseClock(SimpleNamespace(admin=database))  # type: ignore[arg-type] # all that it asks of a client

    running = asyncio.create_task(known.run())
    await database.over.wait()

    assert known.in_touch is in_touch
    await end(running)


async def test_time_is_not_known_before_the_database_told_it_and_goes_on_without_it() -> None:
    known = DatabaseClock(SimpleNamespace(admin=Answers(True)))  # type: ignore[arg-type] # as above
    with pytest.raises(ClockNotSetError):
        known.now()
    await known.synchronise()
    assert 0 <= (known.now() - NOW).total_seconds() < 5


async def test_where_the_machine_stands_does_not_change_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        known = DatabaseClock(SimpleNamespace(admin=Answers(True)))  # type: ignore[arg-type] # as above
        await known.synchronise()
        assert timedelta(0) <= known.now() - NOW < timedelta(hours=1)
    finally:
        monkeypatch.undo()
        time.tzset()
