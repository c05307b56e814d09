"""Kafka records from envelopes and back: CloudEvents 1.0, binary content mode, JSON value.

Reading never raises anything but `DataFault`: a record is data from outside, whoever wrote it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from aiokafka import ConsumerRecord
from pydantic import ValidationError

from shared.contracts.envelope import EARLIEST, LATEST, Envelope, Message, Position, TopicKind
from shared.plumbing.unreadable import UNREADABLE

SPEC_VERSION = "1.0"
RawRecord: TypeAlias = ConsumerRecord
"""A record as aiokafka hands it over: raw bytes everywhere."""

MAX_VALUE_BYTES = 900_000  # below the broker's 1 MiB: a rejected batch would break the producer's sequence


class DataFault(Exception):  # noqa: N818 - the field's word: a fault of the data, not of the infrastructure
    """This record can never be handled as it is. `reason` is one of the dead letters' reasons."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail[:500]


@dataclass(frozen=True, slots=True)
class Record:
    """What the producer sends."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def traceparent(self) -> str | None:
        """What caused it, for tracing."""
        return next((raw.decode() for name, raw in self.headers if name == "traceparent"), None)


def to_record(envelope: Envelope[Message]) -> Record:
    """The wire form. Raises `ValueError` when the value is larger than a broker would take."""
    value = envelope.data.model_dump_json().encode()
    if len(value) > MAX_VALUE_BYTES:
        message = f"{envelope.type} of {len(value)} bytes exceeds {MAX_VALUE_BYTES}"
        raise ValueError(message)
    headers = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": envelope.id,
        "ce_source": envelope.source,
        "ce_type": envelope.type,
        "ce_subject": envelope.subject,
        "ce_time": envelope.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_dataschema": f"{envelope.type}/{envelope.data.schema_version}",
        "content-type": "application/json",
        "correlation_id": envelope.correlation_id,
    }
    optional = {
        "causation_id": envelope.causation_id,
        "traceparent": envelope.traceparent,
        "seq": None if envelope.seq is None else str(envelope.seq),
    }
    headers.update({name: text for name, text in optional.items() if text is not None})
    return Record(
        topic=envelope.data.topic.name,
        key=envelope.data.key().encode(),
        value=value,
        headers=tuple((name, text.encode()) for name, text in headers.items()),
    )


def tombstone(topic: str, key: str) -> Record:
    """The record that lets compaction forget a key."""
    return Record(topic=topic, key=key.encode(), value=None, headers=())


def from_record(record: RawRecord, types: Mapping[str, type[Message]]) -> Envelope[Message] | None:
    """The envelope, or None for a tombstone on a state topic (projections keep id and version).

    Raises `DataFault` with reason `unreadable-record`, `bad-header`, `null-value`, `unknown-type`,
    `unknown-version`, `not-json` or `schema`.
    """
    if record.value is None:
        if any(message.topic.kind is TopicKind.STATE for message in types.values()):
            return None
        raise DataFault("null-value", "an event or command without a value")
    headers = _headers(record)
    message_type = types.get(headers.get("ce_type", ""))
    if message_type is None:
        raise DataFault("unknown-type", headers.get("ce_type", "no ce_type header"))
    _check_version(headers, message_type)
    return Envelope(
        id=_required(headers, "ce_id"),
        source=headers.get("ce_source", ""),
        subject=headers.get("ce_subject", ""),
        time=_time(headers),
        data=_data(record.value, message_type),
        correlation_id=headers.get("correlation_id") or _required(headers, "ce_id"),
        causation_id=headers.get("causation_id"),
        traceparent=headers.get("traceparent"),
        seq=_seq(headers),
        position=Position(record.topic, record.partition, record.offset),
    )


def _headers(record: RawRecord) -> dict[str, str]:
    headers = {}
    for name, raw in record.headers:
        if name == UNREADABLE:
            raise DataFault("unreadable-record", raw.decode())
        try:
            name.encode()  # what was not UTF-8 there is told by lone surrogates
            headers[name] = (raw or b"").decode()
        except UnicodeError as exc:
            raise DataFault("bad-header", "a header is not UTF-8") from exc
    return headers


def _required(headers: Mapping[str, str], name: str) -> str:
    text = headers.get(name, "")
    if not text:
        raise DataFault("bad-header", f"{name} is missing")
    return text


def _check_version(headers: Mapping[str, str], message_type: type[Message]) -> None:
    spec = headers.get("ce_specversion", SPEC_VERSION)
    known = f"{message_type.type_name()}/{message_type.schema_version}"
    declared = headers.get("ce_dataschema", known)
    if not spec.startswith("1.") or declared != known:
        raise DataFault("unknown-version", f"specversion {spec}, dataschema {declared}; known is {known}")


def _time(headers: Mapping[str, str]) -> datetime:
    text = _required(headers, "ce_time")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise DataFault("bad-header", "ce_time has no offset")
    except ValueError as exc:
        raise DataFault("bad-header", f"ce_time is not RFC 3339: {text[:40]!r}") from exc
    if not EARLIEST <= moment <= LATEST:
        raise DataFault("bad-header", f"ce_time is out of range: {text[:40]!r}")
    return moment.astimezone(UTC)


def _seq(headers: Mapping[str, str]) -> int | None:
    text = headers.get("seq")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004 - far above any real sequence
        raise DataFault("bad-header", "seq is not a number")
    return int(text)


def _data(value: bytes, message_type: type[Message]) -> Message:
    try:
        return message_type.model_validate_json(value)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        reason = "not-json" if first["type"] == "json_invalid" else "schema"
        where = ".".join(str(part) for part in first["loc"])
        raise DataFault(reason, f"{where or 'value'}: {first['msg']}") from exc
