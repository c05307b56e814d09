"""What is told of a batch that was handled: a canonical line, a count and a span for each message."""

from collections.abc import Sequence

import structlog

from shared.contracts.envelope import Envelope, Message
from shared.plumbing import tracing
from shared.plumbing.dead_letters import Fault
from shared.plumbing.metrics import MESSAGE_SECONDS, MESSAGES
from shared.plumbing.outcomes import Outcome

log = structlog.get_logger()


def report(
    group: str,
    envelopes: Sequence[Envelope[Message]],
    outcomes: Sequence[Outcome],
    faults: Sequence[Fault],
    seconds: float,
) -> None:
    """Tell of each message what became of it; the batch's duration is shared by its messages."""
    each_ms = round(seconds * 1000 / max(1, len(envelopes) + len(faults)), 2)
    for envelope, outcome in zip(envelopes, outcomes, strict=True):
        position = envelope.position
        log.info(
            "message",
            group=group,
            message_type=envelope.type,
            message_id=envelope.id,
            subject=envelope.subject,
            correlation_id=envelope.correlation_id,
            partition=position.partition if position else None,
            offset=position.offset if position else None,
            outcome=outcome,
            duration_ms=each_ms,
        )
        MESSAGES.labels(group, envelope.type, outcome).inc()
        _trace(group, envelope, outcome, seconds)
    for fault in faults:
        log.error("message_dead_lettered", group=group, reason=fault.reason, **fault.place())
        MESSAGES.labels(group, "", Outcome.DEAD_LETTERED).inc()
    MESSAGE_SECONDS.labels(group).observe(seconds)


def _trace(group: str, envelope: Envelope[Message], outcome: Outcome, seconds: float) -> None:
    """Each message has a span of the whole batch's time: they were handled together."""
    about = {
        "messaging.system": "kafka",
        "messaging.destination.name": envelope.data.topic.name,
        "messaging.consumer.group.name": group,
        "messaging.message.id": envelope.id,
        "souk.outcome": outcome,
    }
    name = f"process {envelope.type}"
    tracing.begin(tracing.SpanKind.CONSUMER, name, envelope.traceparent, about, seconds_ago=seconds).end()
