"""What a library says again and again."""

import logging
from collections.abc import Iterator

import pytest

from shared.plumbing.repeats import Repeats


class Heard(logging.Handler):
    """What passed, and with how many held back before it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.lines: list[tuple[str, int]] = []
        self.addFilter(Repeats(lambda: self.now))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.getMessage(), vars(record)["held_back"]))


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    logging.getLogger("a.library").addHandler(handler)
    yield handler
    logging.getLogger("a.library").removeHandler(handler)


def fail(times: int = 1) -> None:
    for number in range(times):
        logging.getLogger("a.library").error("no connection to node %d", number)


def test_what_is_repeated_passes_once_in_thirty_seconds_with_the_number_left_out(heard: Heard) -> None:
    fail(1_000)
    heard.now += 29.9
    fail()
    heard.now += 0.2
    fail(5)
    heard.now += 31
    fail()

    assert heard.lines == [
        ("no connection to node 0", 0),
        ("no connection to node 0", 1_000),
        ("no connection to node 0", 4),
    ]


def test_what_is_said_elsewhere_or_of_another_error_passes(heard: Heard) -> None:
    library = logging.getLogger("a.library")
    fail(10)
    library.error("no connection to node %d", 7)
    for error in (ValueError(), KeyError(), ValueError()):
        library.error("it failed", exc_info=error)

    assert [words for words, _ in heard.lines] == [
        "no connection to node 0",
        "no connection to node 7",
        "it failed",
        "it failed",
    ]


def test_words_of_others_that_one_place_passes_on_are_told_apart(heard: Heard) -> None:
    for words in ("old", "new", "old"):
        logging.getLogger("a.library").warning("%s", words)

    assert heard.lines == [("old", 0), ("new", 0)]


def test_what_is_remembered_is_bounded(heard: Heard) -> None:
    for number in range(5_000):
        logging.getLogger("a.library").warning("%s", f"words {number}")

    assert len(heard.lines) == 5_000
    (repeats,) = heard.filters
    assert isinstance(repeats, Repeats)
    assert len(repeats._said) <= 1_000
