"""Records that aiokafka cannot read: they reach our decoder all the same, and so become dead letters.

aiokafka takes the records apart while it hands them over. One header name that is not UTF-8, one batch that is corrupt
or packed in an unknown way, and the whole poll fails: for ever, because the position stands before it, and with the
loss of what the same poll had taken from other partitions. Kafka lets anybody write such a name.

So here its reader of batches is replaced by one that fails nowhere. A name that is not UTF-8 comes with lone surrogates
in the place of its bytes. A batch that cannot be read comes as one record: at the batch's last offset, its value the
batch's bytes, its only header `UNREADABLE` with the reason.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import structlog
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import MemoryRecords

log = structlog.get_logger()

UNREADABLE = "\ud800"  # a name that no bytes decode to

# Corrupt batches met so far. What was broken on its way here is whole when it comes again; what lies broken on the
# broker's disk is the same again.
_corrupt: deque[int] = deque(maxlen=100)
_LOG_OVERHEAD = 12  # the offset and the length that every batch of any format begins with


class Batches:
    """The batches of one partition in one answer of the broker, in the place of aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._inner = MemoryRecords(data)
        self._start = 0
        self._next: _Batch | None = None
        self._advance()

    def size_in_bytes(self) -> int:
        """What is left to read; bytes without a whole batch tell aiokafka that its fetch size is too small."""
        return self._inner.size_in_bytes() if self._start < len(self._data) else 0

    def has_next(self) -> bool:
        return self._next is not None

    def next_batch(self) -> "_Batch | None":
        batch = self._next
        self._advance()
        return batch

    def _advance(self) -> None:
        self._next = None
        if not self._inner.has_next():
            return
        end = self._start + _LOG_OVERHEAD + int.from_bytes(self._data[self._start + 8 : self._start + _LOG_OVERHEAD])
        raw = self._data[self._start : end]
        batch = _Batch(self._inner.next_batch(), raw)
        if batch.corrupt and hash(raw) not in _corrupt:
            _corrupt.append(hash(raw))
            self._start = len(self._data)  # the answer ends here, so the rest is asked for again
            log.warning("corrupt_batch_asked_for_again", next_offset=batch.next_offset)
        else:
            self._start = end
            self._next = batch


class _Batch:
    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw
        self.corrupt = not batch.validate_crc()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        return True  # ours to deal with

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(self._records())
        except Exception as exc:  # noqa: BLE001 - whatever a codec or a parser raises, the records behind must come
            reason = f"a batch of records, value is its bytes: {exc!r}"
            headers = [(UNREADABLE, reason.encode(errors="replace"))]
            return iter([_DefaultRecordPy(self.next_offset - 1, 0, 0, None, self._raw, headers)])

    def _records(self) -> list[Any]:
        if self.corrupt:
            raise CorruptRecordException("the checksum is wrong")
        try:
            return list(self._batch)
        except UnicodeDecodeError:
            return list(_Lenient(self._raw))


class _Lenient(_DefaultRecordBatchPy):  # type: ignore[misc] # aiokafka has no types
    """aiokafka's parser in Python, over bytes that decode whatever they are."""

    def __iter__(self) -> "_Lenient":
        super().__iter__()
        self._buffer: Any = _Text(self._buffer)
        return self


class _Text(bytearray):
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Text(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)


# aiokafka has no place to hand it over. It is pinned; a test on real Kafka shows that this still works.
fetcher.MemoryRecords = Batches
