"""Following the topic. The position is ours (partition -> next offset), not a consumer group's: see `ledger.py`."""

import json
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from samples.consumer.ledger import Event, Ledger
from samples.consumer.settings import Settings

TYPES = frozenset({"InstallRequested", "AddOnInstalled", "InstallFailed", "AddOnUninstalled"})


async def follow(settings: Settings, ledger: Ledger) -> None:
    """Until cancelled, or until the ends of the beginning are reached.

    Raises OffsetOutOfRangeError where the topic has forgotten what comes next (30 days): then reconcile with the
    feed's snapshot or with the topic `installer.installation-state.v1`, and begin anew.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",  # never pass over silently what is no longer there
    )
    await consumer.start()
    try:
        position: dict[str, int] = ledger.position(settings.topic) or {}
        parts = await _partitions(settings)
        consumer.assign(parts)
        begins = await consumer.beginning_offsets(parts)
        ends = await consumer.end_offsets(parts)
        for part in parts:
            consumer.seek(part, position.setdefault(str(part.partition), begins[part]))
        while not (settings.once and all(position[str(part.partition)] >= ends[part] for part in parts)):
            batches = await consumer.getmany(timeout_ms=500, max_records=100)
            records = [record for batch in batches.values() for record in batch]
            if not records:
                continue
            for record in records:
                position[str(record.partition)] = record.offset + 1
            ledger.store(settings.topic, [event for record in records if (event := _event(record))], position)
    finally:
        await consumer.stop()


async def _partitions(settings: Settings) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        (told,) = await admin.describe_topics([settings.topic])
    finally:
        await admin.close()
    return [TopicPartition(settings.topic, number) for number in sorted(one["partition"] for one in told["partitions"])]


def _event(record: "ConsumerRecord[bytes, bytes]") -> Event | None:
    """None for types that we do not know, as a newer marketplace may send more, and for what nobody can read.

    The marketplace sends no such record; whoever else may write to the topic can, and shall stop nobody.
    """
    try:
        headers = {name: value.decode() for name, value in record.headers}
        if headers.get("ce_type") not in TYPES or record.value is None:
            return None
        data: dict[str, Any] = json.loads(record.value)
        return Event(headers["ce_id"], headers["ce_type"], int(headers["seq"]), data)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        place = f"partition {record.partition}, offset {record.offset}"
        sys.stderr.write(f"passed over {place}: {type(error).__name__}\n")
        return None
