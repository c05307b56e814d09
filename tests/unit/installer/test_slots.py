"""How many calls go on at once."""

from pydantic import SecretStr

from services.installer.delivery.slots import Slots
from services.installer.domain import Kind, lane_of
from services.installer.settings import InstallerSettings

A = lane_of("a", Kind.INSTALLED)
B = lane_of("b", Kind.INSTALLED)
A_CLEANUP = lane_of("a", Kind.DELETED)


def slots() -> Slots:
    return Slots(
        InstallerSettings(
            master_key=SecretStr("unused"), slots_per_addon=2, slots=3, cleanup_slots_per_addon=1, cleanup_slots=1
        )
    )


def test_one_add_on_cannot_take_all() -> None:
    some = slots()
    assert [some.take(A) for _ in range(3)] == [True, True, False]
    assert some.full() == [A]
    assert some.take(B)
    assert not some.take(B), "the process is full"
    assert some.full() == [A, B]


def test_however_many_hang_there_is_room_for_another() -> None:
    some = Slots(InstallerSettings(master_key=SecretStr("unused")))
    hanging = [lane_of(f"slow-{n}", Kind.INSTALLED) for n in range(9)]
    for _ in range(100):
        for lane in hanging:
            some.take(lane)
    assert some.full() == hanging
    assert some.free(A) == 25, "as many as each of ten may have: half of the fifty that nine leave"


def test_where_nobody_waits_for_calls_none_begins() -> None:
    some = slots()
    some.close()
    assert not some.take(A)
    some.open()
    assert some.take(A)


def test_clean_up_has_slots_of_its_own() -> None:
    some = slots()
    assert all(some.take(lane) for lane in (A, A, B))
    assert some.take(A_CLEANUP)
    assert not some.take(A_CLEANUP)
    assert some.free(A) == 0


def test_what_is_given_back_can_be_taken_again() -> None:
    some = slots()
    assert some.take(A)
    assert some.take(A)
    some.give(A)
    assert (some.free(A), some.full()) == (1, [])
    some.give(A)
    assert some.free(A) == 2
    assert some.take(A)


def test_an_add_on_named_like_a_lane_has_its_own() -> None:
    some = slots()
    odd = lane_of("a/DELETED", Kind.INSTALLED)
    assert some.take(odd)
    assert some.take(odd), "as an INSTALLED, not as a clean-up"
