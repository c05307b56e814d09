"""What lies on a topic and cannot be read, given to aiokafka as the broker gives it."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.control_record import ABORT_MARKER
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from structlog.testing import capture_logs

from shared.plumbing.records import DataFault, from_record
from shared.plumbing.unreadable import UNREADABLE
from tests.records import with_checksum

PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)


def batch(names: Sequence[str], *, at: int, codec: int = PLAIN) -> bytes:
    """Records at offsets from `at` on, each with one header of that name."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1_000_000)
    for number, name in enumerate(names):
        assert builder.append(number, 1_700_000_000_000, b"k", b"value", [(name, b"h")])
    return at.to_bytes(8) + bytes(builder.build())[8:]


def broken(raw: bytes, at: int = -3) -> bytes:
    """With one bit of it turned."""
    changed = bytearray(raw)
    changed[at] ^= 1
    return bytes(changed)


def read(data: bytes, position: int = 0) -> tuple[list[Any], int]:
    """The records, and where the consumer goes on."""
    records = fetcher.MemoryRecords(data)
    if not records.has_next():
        assert records.size_in_bytes() == 0  # else aiokafka steps over the offset
        return [], position
    part = fetcher.PartitionRecords(
        TopicPartition("t", 0), records, None, position, None, None, check_crcs=True, isolation_level=0
    )
    return list(part), part.next_fetch_offset


def fault_of(record: Any) -> tuple[str, str]:
    with pytest.raises(DataFault) as caught:
        from_record(record, {})
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize("codec", [PLAIN, GZIP, SNAPPY, LZ4, ZSTD])
def test_records_are_read_whatever_they_are_packed_with(codec: int) -> None:
    records, position = read(batch(["a", "b"], at=10, codec=codec))

    assert [(one.offset, one.value, one.headers) for one in records] == [
        (10, b"value", (("a", b"h"),)),
        (11, b"value", (("b", b"h"),)),
    ]
    assert position == 12


def test_a_header_name_that_is_not_utf_8_costs_only_its_record() -> None:
    bad = with_checksum(batch(["good", "bad-name", "good"], at=10).replace(b"bad-name", b"bad\xff\xfeame"))

    records, position = read(bad + batch(["next"], at=13))

    assert [(one.offset, one.value, one.headers[0][0]) for one in records] == [
        (10, b"value", "good"),
        (11, b"value", "bad\udcff\udcfeame"),
        (12, b"value", "good"),
        (13, b"value", "next"),
    ]
    assert fault_of(records[1]) == ("bad-header", "a header is not UTF-8")
    assert position == 14


def test_a_batch_broken_on_its_way_is_asked_for_again() -> None:
    first, second = batch(["a"], at=10), batch(["b", "c"], at=11)

    with capture_logs() as logs:
        records, position = read(first + broken(second), 10)
        assert read(broken(second, -4), position) == ([], 11)
    again, end = read(second, position)

    assert [one.offset for one in records] == [10]
    assert [one.offset for one in again] == [11, 12]
    assert end == 13
    assert [line["event"] for line in logs] == ["corrupt_batch_asked_for_again"] * 2


def test_a_batch_that_stays_broken_is_set_aside_as_one() -> None:
    data = broken(batch(["a", "b", "c"], at=20)) + batch(["next"], at=23)

    assert read(data, 21) == ([], 21)
    records, position = read(data, 21)

    assert [one.offset for one in records] == [22, 23]
    assert records[0].value == data[: len(records[0].value)]
    reason, detail = fault_of(records[0])
    assert reason == "unreadable-record"
    assert detail == "a batch of records, value is its bytes: CorruptRecordException('the checksum is wrong')"
    assert position == 24


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD, 7])
def test_a_batch_that_cannot_be_unpacked_is_set_aside_as_one(codec: int) -> None:
    packed = bytearray(batch(["a", "b"], at=30))
    packed[22] = codec

    records, position = read(with_checksum(bytes(packed)) + batch(["next"], at=32))

    assert [one.offset for one in records] == [31, 32]
    assert [name for name, _ in records[0].headers] == [UNREADABLE]
    assert fault_of(records[0])[0] == "unreadable-record"
    assert position == 33


def test_records_of_the_oldest_formats_are_read() -> None:
    for magic in (0, 1):
        builder = LegacyRecordBatchBuilder(magic, GZIP, 1_000_000)
        for offset in (0, 1):
            assert builder.append(offset, 1_700_000_000_000, b"k", b"value")

        # The packed ones bear the offset of the last of them.
        records, position = read((1).to_bytes(8) + bytes(builder.build())[8:])

        assert [(one.offset, one.value, one.headers) for one in records] == [(0, b"value", ()), (1, b"value", ())]
        assert fault_of(records[0]) == ("unknown-type", "no ce_type header")
        assert position == 2


def test_what_brokers_write_between_the_records_is_passed_over() -> None:
    builder = DefaultRecordBatchBuilder(2, PLAIN, 1, 7, 0, -1, 1_000_000)
    key = b"\x00\x00" + int(ABORT_MARKER.type_).to_bytes(2)
    assert builder.append(0, 1_700_000_000_000, key, b"\x00" * 6, [])
    marker = bytearray(builder.build())
    marker[:8] = (50).to_bytes(8)
    marker[22] |= 0x20

    records, position = read(with_checksum(bytes(marker)) + batch(["next"], at=51))

    assert [one.offset for one in records] == [51]
    assert position == 52


def test_half_a_batch_at_the_end_is_left_for_the_next_answer() -> None:
    records, position = read(batch(["a"], at=60) + batch(["b"], at=61)[:-1])

    assert [one.offset for one in records] == [60]
    assert position == 61
