"""Breakers and notices in a real database, counted by several processes."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.installer.delivery.breaker import BreakerState, Tally
from services.installer.delivery.health import Health
from services.installer.known import Known
from services.installer.settings import InstallerSettings
from shared.contracts.envelope import Envelope, Message
from shared.contracts.notifier import MaintenanceNoticeCleared, MaintenanceNoticeRaised
from shared.contracts.reasons import WaitingFor
from shared.plumbing.mongo import Database, Document
from tests.conftest import FixedClock
from tests.unit.installer.story import OK, UNKNOWN

LIMITS = InstallerSettings(master_key=SecretStr("unused"))


@pytest.fixture
async def processes(database: Database, fixed_clock: FixedClock) -> list[Health]:
    """Three, whose clock a test moves."""
    known = Known(database)
    made = [Health(database["addon_health"], known.notices.collection, LIMITS, fixed_clock) for _ in range(3)]
    await made[0].prepare()
    return made


async def stored(database: Database, key: str = "timer") -> Document:
    found = await database["addon_health"].find_one({"_id": key})
    assert found is not None
    return found


async def open_it(processes: list[Health], clock: FixedClock) -> None:
    for process in processes:
        process.count("timer", UNKNOWN)
        await process.store_counts()
        clock.moment += timedelta(seconds=2.5)


async def test_failures_of_several_processes_are_one_row(
    processes: list[Health], database: Database, fixed_clock: FixedClock
) -> None:
    await open_it(processes, fixed_clock)
    document = await stored(database)
    assert (document["state"], document["outage"], document["cause"]) == ("open", 1, "http-500")
    assert document["state_marked_at"] is not None
    assert processes[2].unavailable("timer") is WaitingFor.ADDON, "who opened it knows at once"
    assert processes[0].unavailable("timer") is None
    await processes[0].look()
    assert processes[0].unavailable("timer") is WaitingFor.ADDON
    assert processes[0].next_probe_at("timer") == document["probe_at"]
    assert processes[0].unavailable("other") is None


async def test_counts_at_the_same_time_are_all_counted(
    processes: list[Health], database: Database, fixed_clock: FixedClock
) -> None:
    for process in processes:
        for _ in range(5):
            process.count("timer", OK)
    await asyncio.gather(*(process.store_counts() for process in processes))
    document = await stored(database)
    assert [bucket[1:] for bucket in document["window"]] == [[15, 0]]
    assert document["version"] == 3


async def test_only_one_opens_it(processes: list[Health], database: Database, fixed_clock: FixedClock) -> None:
    for process in processes:
        process.count("timer", UNKNOWN)
    fixed_clock.moment += timedelta(seconds=6)
    for process in processes:
        process.count("timer", UNKNOWN)
        process.count("timer", UNKNOWN)
    await asyncio.gather(*(process.store_counts() for process in processes))
    assert (await stored(database))["outage"] == 1


async def test_one_process_wins_the_probe_and_its_success_closes(
    processes: list[Health], database: Database, fixed_clock: FixedClock
) -> None:
    await open_it(processes, fixed_clock)
    assert not any([await process.try_probe("timer") for process in processes]), "too soon"
    fixed_clock.moment += LIMITS.breaker_first_probe
    won = await asyncio.gather(*(process.try_probe("timer") for process in processes))
    assert sorted(won) == [False, False, True]
    assert (await stored(database))["state"] == "half_open"
    prober = processes[won.index(True)]
    prober.count("timer", OK)
    await prober.store_counts()
    assert (await stored(database))["state"] == "closed"
    assert prober.unavailable("timer") is None
    for process in processes:
        await process.look()
        assert process.unavailable("timer") is None


async def test_a_failed_probe_opens_it_again_and_the_outage_goes_on(
    processes: list[Health], database: Database, fixed_clock: FixedClock
) -> None:
    await open_it(processes, fixed_clock)
    since = (await stored(database))["since"]
    fixed_clock.moment += LIMITS.breaker_first_probe
    assert await processes[0].try_probe("timer")
    processes[0].count("timer", UNKNOWN)
    await processes[0].store_counts()
    document = await stored(database)
    assert (document["state"], document["outage"], document["since"]) == ("open", 1, since)
    assert document["probe_at"] == fixed_clock.moment + 2 * LIMITS.breaker_first_probe


async def test_what_could_not_be_stored_is_stored_later(
    processes: list[Health], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = processes[0]
    real = process._store

    async def failing(addon_key: str, tally: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(process, "_store", failing)
    process.count("timer", UNKNOWN)
    with pytest.raises(TimeoutError):
        await process.store_counts()
    monkeypatch.setattr(process, "_store", real)
    await process.store_counts()
    assert (await stored(database))["streak"] == 1


async def test_only_what_could_not_be_stored_is_counted_again(
    processes: list[Health], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = processes[0]
    real = process._store

    async def away_for_the_timer(addon_key: str, tally: Tally) -> None:
        if addon_key == "timer":
            process.count("timer", OK)  # while it waits for the database, another call ends
            raise TimeoutError
        await real(addon_key, tally)

    monkeypatch.setattr(process, "_store", away_for_the_timer)
    process.count("timer", UNKNOWN)
    process.count("other", UNKNOWN)
    with pytest.raises(TimeoutError):
        await process.store_counts()
    monkeypatch.setattr(process, "_store", real)
    await process.store_counts()
    assert [bucket[1:] for bucket in (await stored(database, "other"))["window"]] == [[1, 1]]
    timer = await stored(database)
    assert ([bucket[1:] for bucket in timer["window"]], timer["streak"]) == ([[2, 1]], 0)


async def test_an_operators_notice_makes_wait_and_an_outages_does_not(
    processes: list[Health], database: Database, fixed_clock: FixedClock
) -> None:
    notices = Known(database).notices
    process = processes[0]

    async def hear(message: MaintenanceNoticeRaised | MaintenanceNoticeCleared) -> None:
        envelope: Envelope[Message] = Envelope(
            id="e",
            source="/t",
            subject=message.scope,
            time=fixed_clock.now(),
            data=message,
            correlation_id="c",
            causation_id=None,
        )
        await notices.apply([envelope])
        await process.look()

    def raised(scope: str, version: int, cause: str = "operator") -> MaintenanceNoticeRaised:
        return MaintenanceNoticeRaised.model_validate(
            {"scope": scope, "notice_id": "n", "cause": cause, "raised_at": fixed_clock.now(), "version": version}
        )

    await hear(raised("addon:timer", 1, "outage"))
    assert process.unavailable("timer") is None
    await hear(raised("addon:timer", 2))
    assert process.unavailable("timer") is WaitingFor.MAINTENANCE
    assert process.unavailable("other") is None
    await hear(
        MaintenanceNoticeCleared(
            scope="addon:timer",
            notice_id="n",
            cause="operator",
            raised_at=fixed_clock.now(),
            cleared_at=fixed_clock.now(),
            version=3,
        )
    )
    assert process.unavailable("timer") is None
    await hear(raised("addon:timer", 4))
    assert process.unavailable("timer") is WaitingFor.MAINTENANCE, "a second notice after a cleared one"
    await hear(raised("all", 1))
    assert process.unavailable("other") is WaitingFor.MAINTENANCE


async def test_closed_breakers_cost_no_look(processes: list[Health], database: Database) -> None:
    processes[0].count("timer", OK)
    await processes[0].store_counts()
    await processes[0].look()
    assert processes[0].down() == {}
    plan = await database["addon_health"].find({"state": {"$in": [BreakerState.OPEN]}}).explain()
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
