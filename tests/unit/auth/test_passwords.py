"""Hashing, in its own threads."""

import asyncio
import platform
import subprocess
import sys
import textwrap
import time

import pytest

from services.auth.accounts.passwords import Passwords, salt_key
from shared.plumbing.errors import Unavailable


def passwords(salts: bytes = b"s" * 32, **changes: int) -> Passwords:
    cost = {"memory_kib": 8192, "passes": 1, "lanes": 1, "threads": 2, "queue": 4}
    return Passwords(**(cost | changes), salts=salts)


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
    assert 0.2 < times["unknown"] / times["known"] < 5  # without a hash to compare with it would be a thousandth


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


async def test_a_hash_for_an_owner_is_the_same_again_and_for_no_other() -> None:
    subject = passwords()
    stored = await subject.hash_for("ada@example.com", "correct horse")
    assert await subject.hash_for("ada@example.com", "correct horse") == stored
    assert await subject.verify(stored, "correct horse")
    others = [
        await subject.hash_for("eve@example.com", "correct horse"),
        await passwords(salts=b"t" * 32).hash_for("ada@example.com", "correct horse"),
    ]
    salts = {one.split("$")[-2] for one in [stored, *others]}
    assert len(salts) == 3


def test_salts_are_made_with_the_first_master_key() -> None:
    first, second = "bW1tbQ==", "bm5ubg=="
    assert salt_key(first) == salt_key(f" {first},{second}")
    assert salt_key(first) != salt_key(f"{second},{first}")
    assert len(salt_key(first)) == 32


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's malloc")
def test_the_memory_of_hashes_goes_back_to_the_system() -> None:
    program = """
        import asyncio
        from services.auth.accounts.passwords import Passwords

        def resident():
            with open("/proc/self/statm") as facts:
                return int(facts.read().split()[1]) * 4096

        async def main():
            subject = Passwords(memory_kib=19456, passes=1, lanes=1, threads=2, queue=20, salts=b"s" * 32)
            before = resident()
            await asyncio.gather(*(subject.hash("x") for _ in range(12)))
            await subject.close()
            print(resident() - before)

        asyncio.run(main())
    """
    done = subprocess.run(  # noqa: S603 - the program is above
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 10_000_000
