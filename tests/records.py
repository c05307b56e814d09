"""Batches of records that no producer writes by itself."""

from aiokafka.record.util import calc_crc32c

_CHECKSUM = slice(17, 21)


def with_checksum(batch: bytes) -> bytes:
    """The batch with the checksum that belongs to what is in it; a broker takes no other."""
    checksum: int = calc_crc32c(batch[_CHECKSUM.stop :])
    return batch[: _CHECKSUM.start] + checksum.to_bytes(4) + batch[_CHECKSUM.stop :]
