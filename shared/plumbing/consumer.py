"""Consuming in batches, at least once, with every record's fate decided before the commit.

FastStream runs the subscribers; this module decodes record by record, tells data faults from infrastructure
faults, and keeps FastStream's traps shut: explicit acknowledgement, `earliest`, a group id, raw bytes.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Union

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.contracts.envelope import Envelope, Message
from shared.plumbing import failpoints
from shared.plumbing.batch_report import report
from shared.plumbing.dead_letters import DeadLetters, Fault, passes
from shared.plumbing.liveness import ConsumerProgress
from shared.plumbing.metrics import COMMIT_FAILURES, REBALANCES
from shared.plumbing.outcomes import Outcome, Subscription
from shared.plumbing.records import DataFault, RawRecord, from_record
from shared.plumbing.topics import missing_topics

log = structlog.get_logger()

BUG_TRIES = 3
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before an infrastructure fault is tried again
POLL_MS = 1_000
SMALL_BATCH = 100  # of larger ones a backlog is made: no rest


class _TryAgainError(Exception):
    """Tells FastStream to seek back: the same batch comes again."""


class _PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc] # aiokafka has no types
    """FastStream sleeps after an empty poll, blind to what arrives: a poll that lasts longer is seldom empty."""

    async def getmany(self, *partitions: Any, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        try:
            return await super().getmany(*partitions, timeout_ms=max(timeout_ms, POLL_MS), max_records=max_records)
        except KafkaError as exc:  # FastStream says nothing, waits for 5 s and polls again
            log.warning("poll_failed", group=self._group_id, error=repr(exc))
            raise

    async def commit(self, offsets: Any = None) -> None:
        try:
            await super().commit(offsets)
        except KafkaError:
            COMMIT_FAILURES.labels(self._group_id).inc()
            raise


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Counts."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def on_partitions_revoked(self, revoked: Any) -> None: ...

    def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002 - aiokafka's to say
        REBALANCES.labels(self._topic).inc()


class Consumers:
    """The subscribers of one process: one consumer per topic, one group per service and topic."""

    def __init__(
        self, service: str, bootstrap_servers: str, subscriptions: Sequence[Subscription], dead_letters: DeadLetters
    ) -> None:
        self._service = service
        self._bootstrap_servers = bootstrap_servers
        self._subscriptions = subscriptions
        self._dead_letters = dead_letters
        self.progress: list[ConsumerProgress] = []

    def build_broker(self) -> KafkaBroker:
        """A fresh broker with all subscribers; also what the documentation is generated from."""
        broker = KafkaBroker(
            self._bootstrap_servers.split(","),  # of one text FastStream makes one address
            client_id=f"souk-{self._service}",
            allow_auto_create_topics=False,
            consumer_only=True,
            apply_types=False,
            logger=None,
        )
        self.progress = []
        for subscription in self._subscriptions:
            self._subscribe(broker, subscription)
        return broker

    def _subscribe(self, broker: KafkaBroker, subscription: Subscription) -> None:
        subscriber = broker.subscriber(
            subscription.topic.name,
            batch=True,
            group_id=group_id(self._service, subscription),
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            batch_timeout_ms=1,  # also how long FastStream sleeps after an empty poll; see _PatientConsumer
            max_records=subscription.max_records,
            listener=_Rebalances(subscription.topic.name),
            session_timeout_ms=9_000,
            heartbeat_interval_ms=2_000,
            rebalance_timeout_ms=15_000,
            title=f"{self._service}:{subscription.topic.name}",
        )

        async def parse(records: tuple[RawRecord, ...]) -> KafkaAckableMessage:
            # The stock parser decodes headers and passes over a record whose header is not UTF-8.
            return KafkaAckableMessage(
                body=b"",
                headers={},
                batch_headers=[],
                reply_to="",
                content_type=None,
                message_id="",
                correlation_id="",
                raw_message=records,
                path={},
                consumer=subscriber.consumer,
            )

        async def raw(message: Any) -> tuple[RawRecord, ...]:
            return message.raw_message  # type: ignore[no-any-return] # FastStream types it as Any

        batch = _Batch(self._service, subscription, self._dead_letters)

        progress = ConsumerProgress(subscription.topic.name, subscriber)

        async def handle(records: Any) -> None:
            progress.tried_at = time.monotonic()
            await batch.consume(records)

        # What the generated documentation shows; nothing is converted, `apply_types` is off.
        handle.__annotations__ = {"records": Union[subscription.messages], "return": None}  # noqa: UP007 - built while running
        subscriber(handle, parser=parse, decoder=raw)
        self.progress.append(progress)

    async def run(self) -> None:
        """Consume until cancelled; a batch in progress is finished first. Waits for Kafka and for the topics."""
        names = {subscription.topic.name for subscription in self._subscriptions}
        while True:
            broker = self.build_broker()
            try:
                missing = await missing_topics(self._bootstrap_servers, names)
                if not missing:
                    await _start(broker)
                    log.info("consumers_started", topics=sorted(names))
                    await self._until_one_ends()
                else:
                    log.warning("topics_missing", topics=sorted(missing))
            except (KafkaError, OSError) as exc:
                log.warning("consumers_not_started", error=type(exc).__name__)
            finally:
                with contextlib.suppress(KafkaError, OSError):
                    await broker.stop()
            await asyncio.sleep(2.0)

    async def _until_one_ends(self) -> None:
        """None should. FastStream would begin its loop again at once and for ever, aiokafka's tasks stay ended.

        What the last poll had taken is not committed, so it comes again with new consumers.
        """
        tasks = [task for progress in self.progress for task in progress.tasks().values()]
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            log.error("consumer_ended", exc_info=None if task.cancelled() else task.exception())


async def _start(broker: KafkaBroker) -> None:
    made: Any = await broker.connect()  # resets the builder, so it is replaced afterwards
    broker.config.broker_config.builder = partial(_PatientConsumer, **made.keywords)
    await broker.start()


def group_id(service: str, subscription: Subscription) -> str:
    """One group per service and topic, so that a rebalance of one topic does not stop the others."""
    return f"{service}.{subscription.topic.name}"


class _Batch:
    """Handles the batches of one subscription."""

    def __init__(self, service: str, subscription: Subscription, dead_letters: DeadLetters) -> None:
        self._group = group_id(service, subscription)
        self._subscription = subscription
        self._types = {message.type_name(): message for message in subscription.messages}
        self._dead_letters = dead_letters
        self._failures = 0

    async def consume(self, records: tuple[RawRecord, ...]) -> None:
        started = time.perf_counter()
        envelopes: list[Envelope[Message]] = []
        raw: list[RawRecord] = []
        faults: list[Fault] = []
        for record in records:
            try:
                envelope = from_record(record, self._types)
            except DataFault as fault:
                faults.append(Fault(record, fault.reason, fault.detail))
            except Exception as exc:  # a bug of the decoder must not hold up the records behind this one
                log.exception("record_not_decoded", group=self._group)
                faults.append(Fault(record, "decoder-bug", type(exc).__name__))
            else:
                if envelope is not None:
                    envelopes.append(envelope)
                    raw.append(record)
        try:
            outcomes = await self._handle(envelopes, raw, faults)
            await self._dead_letters.store(self._group, faults)
        except _TryAgainError:
            raise
        except Exception as exc:
            await self._pause(exc)
            raise _TryAgainError from exc
        self._failures = 0
        report(self._group, envelopes, outcomes, faults, time.perf_counter() - started)
        if len(records) < SMALL_BATCH:
            await asyncio.sleep(self._subscription.rest)
        failpoints.reached(failpoints.BEFORE_COMMIT)

    async def _handle(
        self, envelopes: list[Envelope[Message]], raw: list[RawRecord], faults: list[Fault]
    ) -> Sequence[Outcome]:
        if not envelopes:
            return []
        try:
            return await self._subscription.handle(envelopes)
        except DataFault:
            pass  # whose it is comes out below
        except Exception as exc:
            if passes(exc):
                await self._pause(exc)
                raise _TryAgainError from exc
            log.exception("batch_failed", group=self._group, size=len(envelopes))
        return [await self._handle_alone(one, record, faults) for one, record in zip(envelopes, raw, strict=True)]

    async def _handle_alone(self, envelope: Envelope[Message], record: RawRecord, faults: list[Fault]) -> Outcome:
        """One record by itself, so that a handler bug costs only the record that meets it."""
        for attempt in range(1, BUG_TRIES + 1):
            try:
                (outcome,) = await self._subscription.handle([envelope])
            except DataFault as fault:
                faults.append(Fault(record, fault.reason, fault.detail))
                break
            except Exception as exc:
                if passes(exc):
                    await self._pause(exc)
                    raise _TryAgainError from exc
                if attempt == BUG_TRIES:
                    log.exception("message_failed", group=self._group, ce_id=envelope.id, message_type=envelope.type)
                    faults.append(Fault(record, "handler-bug", f"{type(exc).__name__}"))
            else:
                return outcome
        return Outcome.DEAD_LETTERED

    async def _pause(self, exc: Exception) -> None:
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        log.warning("batch_waits", group=self._group, error=type(exc).__name__, pause=pause, failures=self._failures)
        await asyncio.sleep(pause)
