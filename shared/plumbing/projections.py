"""Projections: what a service remembers of other services' state, by version.

A projection is one collection; its documents are the newest state message per key with `_id` = key. It feeds
from state topics only, so it can be thrown away and rebuilt from the topic at any time.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import IndexModel, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from shared.contracts.envelope import Envelope, Message, StateMessage, Topic
from shared.plumbing.mongo import Collection, Database, Document, duplicate_indexes, ensure_indexes
from shared.plumbing.outcomes import Outcome
from shared.plumbing.records import DataFault, from_record
from shared.plumbing.topics import partition_numbers

log = structlog.get_logger()


def whole_message(message: StateMessage) -> Document:
    """The default document: every field of the message."""
    return message.model_dump(mode="python")


class Projection:
    """Keeps the newest version of each key of one state topic.

    `fields` turns a message into the document's fields (without `_id`, `version` and `deleted`). Of a deleted thing
    only these three are kept: an older record cannot bring it back, and nothing else of it is left to be found.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        topic: Topic,
        messages: tuple[type[StateMessage], ...],
        *,
        fields: Callable[[Any], Document] = whole_message,
        indexes: Sequence[IndexModel] = (),
    ) -> None:
        self._database = database
        self.name = name
        self.topic = topic
        self.messages = messages
        self._fields = fields
        self._indexes = indexes

    @property
    def collection(self) -> Collection:
        """Where to read."""
        return self._database[self.name]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self.collection, self._indexes)

    async def apply(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Write what is newer. Suits a subscription as its handler."""
        return await self._apply_to(self.collection, batch)

    async def _apply_to(self, target: Collection, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        newest: dict[str, int] = {}
        for position, envelope in enumerate(batch):
            best = newest.get(envelope.data.key())
            if best is None or _state(envelope).version > _state(batch[best]).version:
                newest[envelope.data.key()] = position
        chosen = sorted(newest.values())
        outcomes = [Outcome.SUPERSEDED] * len(batch)
        for position in chosen:
            outcomes[position] = Outcome.DONE
        if not chosen:
            return outcomes
        try:
            await target.bulk_write([self._upsert(_state(batch[one])) for one in chosen], ordered=False)
        except BulkWriteError as exc:
            # The upsert tries to insert a second document when the stored version is not lower: *older*.
            for index in duplicate_indexes(exc):
                outcomes[chosen[index]] = Outcome.SUPERSEDED
        return outcomes

    def _upsert(self, message: StateMessage) -> UpdateOne | ReplaceOne[Document]:
        older = {"_id": message.key(), "version": {"$lt": message.version}}
        known: Document = {"version": message.version, "deleted": message.deleted}
        if message.deleted:
            return ReplaceOne(older, known, upsert=True)  # nothing of it is kept but that it is gone
        return UpdateOne(older, {"$set": {**self._fields(message), **known}}, upsert=True)

    async def rebuild(self, bootstrap_servers: str) -> int:
        """Read the whole topic into a new collection and swap it in. Returns the number of records read.

        The swap happens at the end offsets noted at the beginning; what the running consumers wrote to the old
        collection meanwhile is read again afterwards, up to the end noted after the swap.
        """
        fresh = self._database[f"{self.name}_rebuild_{secrets.token_hex(4)}"]  # its own: another may go on beside it
        await ensure_indexes(fresh, self._indexes)
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
        await consumer.start()
        try:
            numbers = await partition_numbers(bootstrap_servers, self.topic.name)
            parts = [TopicPartition(self.topic.name, number) for number in numbers]
            consumer.assign(parts)
            await consumer.seek_to_beginning(*parts)
            read = await self._read_to(consumer, await consumer.end_offsets(parts), fresh)
            await fresh.database.client.admin.command(
                "renameCollection",
                f"{self._database.name}.{fresh.name}",
                to=f"{self._database.name}.{self.name}",
                dropTarget=True,
            )
            return read + await self._read_to(consumer, await consumer.end_offsets(parts), self.collection)
        finally:
            await consumer.stop()
            await fresh.drop()

    async def _read_to(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], target: Collection) -> int:
        types = {message.type_name(): message for message in self.messages}
        read = 0
        while await _behind(consumer, ends):
            for records in (await consumer.getmany(timeout_ms=500, max_records=1000)).values():
                read += len(records)
                envelopes = []
                for record in records:
                    try:
                        envelope = from_record(record, types)
                    except DataFault as fault:
                        log.warning("rebuild_skipped_record", topic=record.topic, reason=fault.reason)
                        continue
                    if envelope is not None:
                        envelopes.append(envelope)
                await self._apply_to(target, envelopes)
            await asyncio.sleep(0)
        return read


def _state(envelope: Envelope[Message]) -> StateMessage:
    if not isinstance(envelope.data, StateMessage):
        message = f"{envelope.type} is no state message and cannot feed a projection"
        raise TypeError(message)
    return envelope.data


async def _behind(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for part, end in ends.items():
        if await consumer.position(part) < end:
            return True
    return False
