"""JSON in which no object names a key twice: of two values readers keep the first, the last or both (RFC 8259 §4)."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any


class DoubledKeyError(ValueError):
    """An object names `key` more than once."""

    def __init__(self, key: str) -> None:
        super().__init__("a key stands twice in an object")
        self.key = key


def parse(text: str | bytes) -> Any:
    """The value in `text`. Raises DoubledKeyError, and what `json.loads` raises."""
    return json.loads(text, object_pairs_hook=_object)


def doubled_key(pairs: Sequence[tuple[str, Any]]) -> str | None:
    """The first of an object's keys that it names more than once; for parsers that know more of the place."""
    counts = Counter(key for key, _ in pairs)
    return None if len(counts) == len(pairs) else next(key for key, count in counts.items() if count > 1)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    key = doubled_key(pairs)
    if key is not None:
        raise DoubledKeyError(key)
    return dict(pairs)
