"""Sending records so that the broker has them before we say so.

Idempotent, `acks=all`. The producer starts in the background and reconnects by itself, so no process needs
Kafka to start or to accept work; whoever sends waits, or leaves it to the sweeper of the outbox.
"""

import asyncio
import contextlib
import time

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.plumbing import tracing
from shared.plumbing.metrics import PRODUCER_CONNECTED, PUBLISH_FAILURES, PUBLISH_SECONDS
from shared.plumbing.records import Record
from shared.plumbing.tasks import end

log = structlog.get_logger()

LINGER_MS = 3  # one network round trip's worth of waiting buys batches of tens under load
BATCH_BYTES = 131_072
RETRY_SECONDS = 2.0
REACH_SECONDS = 15.0
COMMAND_SECONDS = 15.0
"""How long a command waits for Kafka that can do without."""
START_SECONDS = 2.0  # what a start may still take when the producer is told to end


class ProducerUnavailableError(Exception):
    """Kafka cannot be reached now, or refused the record; nothing is known to be stored."""


class Producer:
    """An idempotent producer that outlives its connections.

    After a non-retriable broker error aiokafka's sequence numbers for that partition are beyond repair, so the
    inner producer is thrown away and made anew.
    """

    def __init__(self, bootstrap_servers: str, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._inner: AIOKafkaProducer | None = None
        self._broken = asyncio.Event()
        self._waiting: dict[object, float] = {}
        """When each record was given to aiokafka that waits there, the oldest first."""

    @property
    def connected(self) -> bool:
        """Whether a send has a chance right now."""
        return self._inner is not None and not self._broken.is_set() and self._alive(self._inner)

    @property
    def reaches(self) -> bool:
        """Whether Kafka takes what is sent. aiokafka itself tries on for ever, and looks connected meanwhile."""
        oldest = next(iter(self._waiting.values()), None)
        return self.connected and (oldest is None or time.perf_counter() - oldest < REACH_SECONDS)

    async def until_connected(self, seconds: float | None = None) -> None:
        """Wait until a send has a chance, at most so long; for commands, which begin at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.connected:  # noqa: ASYNC110 - nothing here sets an event for it
                    await asyncio.sleep(0.1)

    async def send(self, record: Record) -> None:
        """Return when the broker has stored `record` on all in-sync replicas.

        Records handed over in order by one task reach their partition in order. Raises
        `ProducerUnavailableError`; the record may then still arrive, with the same `ce_id`.
        """
        inner, token = self._inner, object()
        if inner is None or not self.connected:
            raise ProducerUnavailableError
        began = self._waiting[token] = time.perf_counter()
        about = {"messaging.system": "kafka", "messaging.destination.name": record.topic}
        try:
            with tracing.span(tracing.SpanKind.PRODUCER, f"send {record.topic}", record.traceparent, about):
                stored = await inner.send(record.topic, record.value, key=record.key, headers=list(record.headers))
                await stored
        except (KafkaError, RuntimeError) as exc:
            if not getattr(exc, "retriable", False):
                self._broken.set()
            log.warning("record_not_sent", topic=record.topic, error=type(exc).__name__)
            PUBLISH_FAILURES.labels(record.topic).inc()
            raise ProducerUnavailableError(type(exc).__name__) from exc
        finally:
            del self._waiting[token]
        PUBLISH_SECONDS.labels(record.topic).observe(time.perf_counter() - began)

    async def run(self) -> None:
        """Keep a working inner producer until cancelled, then flush what was accepted."""
        PRODUCER_CONNECTED.set_function(lambda: self.reaches)
        try:
            while True:
                await self._connect()
                await self._wait_until_broken()
                await self._discard()
        finally:
            await self._discard()

    async def _connect(self) -> None:
        while self._inner is None:
            candidate = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap_servers,
                client_id=self._client_id,
                enable_idempotence=True,
                linger_ms=LINGER_MS,
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=15_000,
            )
            starting = asyncio.ensure_future(candidate.start())
            try:
                await asyncio.shield(starting)
            except (KafkaError, OSError) as exc:
                log.warning("producer_not_connected", error=type(exc).__name__)
                await self._stop(candidate)
                await asyncio.sleep(RETRY_SECONDS)
            except BaseException:  # cancelled: a short command ends before the connection stands
                # aiokafka forgets its first connection, open, if it is interrupted at the wrong moment.
                await asyncio.wait([starting], timeout=START_SECONDS)
                await end(starting)
                await self._stop(candidate)
                raise
            else:
                self._inner = candidate
                self._broken.clear()
                log.info("producer_connected")

    async def _wait_until_broken(self) -> None:
        while self._inner is not None and self._alive(self._inner):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._broken.wait(), timeout=1.0)
                return

    async def _discard(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            await self._stop(inner)

    @staticmethod
    async def _stop(inner: AIOKafkaProducer) -> None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(inner.stop(), timeout=5.0)

    @staticmethod
    def _alive(inner: AIOKafkaProducer) -> bool:
        # A dead sender task makes every later send fail; aiokafka offers no public look at it.
        task = inner._sender.sender_task  # noqa: SLF001
        return task is not None and not task.done()
