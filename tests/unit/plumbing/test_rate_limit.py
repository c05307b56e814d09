import pytest

from shared.plumbing.errors import TooMany
from shared.plumbing.rate_limit import RateLimit


class Watch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


def take(limit: RateLimit, key: str, times: int) -> int:
    """Return how many of so many tries were let through."""
    passed = 0
    for _ in range(times):
        try:
            limit.check(key)
        except TooMany:
            continue
        passed += 1
    return passed


def test_a_burst_passes_and_then_the_rate(watch: Watch) -> None:
    limit = RateLimit(rate=0.5, burst=3, now=watch)
    assert take(limit, "a", 10) == 3
    watch.now += 4
    assert take(limit, "a", 10) == 2
    watch.now += 1_000_000
    assert take(limit, "a", 10) == 3


def test_the_refusal_says_when_to_come_back(watch: Watch) -> None:
    limit = RateLimit(rate=0.1, burst=1, now=watch)
    limit.check("a")
    watch.now += 3.5
    with pytest.raises(TooMany) as refused:
        limit.check("a")
    assert refused.value.status == 429
    assert refused.value.slug == "too-many-requests"
    assert refused.value.headers["Retry-After"] == "7"
    watch.now += 7
    limit.check("a")


def test_keys_do_not_share(watch: Watch) -> None:
    limit = RateLimit(rate=1, burst=1, now=watch)
    limit.check("a")
    limit.check("b")


def test_memory_is_bounded_and_the_longest_unused_key_goes_first(watch: Watch) -> None:
    limit = RateLimit(rate=0.001, burst=1, now=watch, max_keys=2)
    limit.check("a")
    limit.check("b")
    assert take(limit, "a", 1) == 0
    limit.check("c")  # forgets b, not a
    assert take(limit, "a", 1) == 0
    assert take(limit, "b", 1) == 1


def test_a_limit_that_lets_nothing_through_is_a_mistake(watch: Watch) -> None:
    with pytest.raises(ValueError, match="rate must be positive"):
        RateLimit(rate=0, burst=1, now=watch)
