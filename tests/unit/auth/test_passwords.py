"""Hashing, in its own threads."""

import asyncio
import time

import pytest

from services.auth.passwords import Passwords
from shared.plumbing.errors import Unavailable


def passwords(**changes: int) -> Passwords:
    cost = {"memory_kib": 8192, "passes": 1, "lanes": 1, "threads": 2, "queue": 4}
    return Passwords(**(cost | changes))


async def test_a_password_is_known_again() -> None:
    subject = passwords()
    stored = await subject.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert await subject.verify(stored, "correct horse")
    assert not await subject.verify(stored, "correct horsf")
    assert stored != await subject.hash("correct horse")


@pytest.mark.parametrize("stored", ["", "no hash", "$argon2id$broken"])
async def test_what_is_no_hash_is_never_right(stored: str) -> None:
    assert not await passwords().verify(stored, "correct horse")


async def test_without_a_hash_the_answer_is_no_and_costs_as_much() -> None:
    subject = passwords(memory_kib=65_536, passes=3)
    stored = await subject.hash("correct horse")
    times = {}
    for name, known in (("known", stored), ("unknown", None)):
        started = time.process_time()
        assert not await subject.verify(known, "wrong horse")
        times[name] = time.process_time() - started
    assert 0.5 < times["unknown"] / times["known"] < 2


async def test_another_cost_makes_a_hash_outdated() -> None:
    stored = await passwords().hash("correct horse")
    assert not passwords().outdated(stored)
    assert passwords(passes=2).outdated(stored)
    assert await passwords(passes=2).verify(stored, "correct horse")


async def test_too_many_at_once_are_sent_away_and_the_rest_is_served() -> None:
    subject = passwords(threads=1, queue=2)
    results = await asyncio.gather(*(subject.hash("x") for _ in range(10)), return_exceptions=True)
    refused = [one for one in results if isinstance(one, Unavailable)]
    assert len(refused) == 7
    assert {one.slug for one in refused} == {"too-busy"}
    assert await subject.hash("x")


async def test_the_event_loop_goes_on_meanwhile() -> None:
    subject = passwords(memory_kib=65_536, passes=6, threads=1)
    hashing = asyncio.create_task(subject.hash("x"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 5
