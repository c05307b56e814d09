"""A dead letter as its document: the record's bytes as they came, and what of them people are shown."""

import re
from datetime import datetime

from aiokafka import ConsumerRecord

from shared.plumbing.mongo import Document
from shared.plumbing.records import DataFault, RawRecord

_MAX_KEPT = 8_000_000  # bytes; a document holds 16 MB
_SHOWN = 2_000
MOST_SHOWN = 200_000
_SEALED = re.compile(r"(?:sealed|stored):v\d+:[A-Za-z0-9_=-]+")


def stored(record: RawRecord) -> Document:
    size = len(record.key or b"") + len(record.value or b"") + sum(len(raw or b"") for _, raw in record.headers)
    if size > _MAX_KEPT:  # compressed, it may be far larger than any document
        return {"key": None, "value": (record.value or b"")[:_SHOWN], "headers": [], "timestamp": 0, "cut": True}
    return {
        "key": record.key,
        "value": record.value,
        # As bytes, because a name that is no text has no place in a document.
        "headers": [[name.encode(errors="surrogatepass"), raw] for name, raw in record.headers],
        "timestamp": record.timestamp,
    }


def restored(document: Document) -> RawRecord:
    kept = document["record"]
    if "cut" in kept:
        raise DataFault("unreadable-record", "too large to be kept")
    return ConsumerRecord(
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        timestamp=kept["timestamp"],
        timestamp_type=0,
        key=kept["key"],
        value=kept["value"],
        checksum=None,
        serialized_key_size=len(kept["key"] or b""),
        serialized_value_size=len(kept["value"] or b""),
        headers=tuple((_name(name), raw) for name, raw in kept["headers"]),
    )


def _name(stored: bytes | str) -> str:
    return stored if isinstance(stored, str) else stored.decode(errors="surrogatepass")


def _text(raw: bytes | None, limit: int) -> str | None:
    return None if raw is None else _SEALED.sub("[sealed]", raw[:limit].decode(errors="replace"))


def for_people(document: Document, limit: int = _SHOWN) -> Document:
    """What may be shown of a kept dead letter, with `limit` bytes of its value. Sealed fields are not shown."""
    kept = document["record"]
    names = ("group", "topic", "partition", "offset", "reason", "detail", "status")
    shown = {name: document[name] for name in names}
    told = {name: document.get(name) for name in ("closed_by", "closed_because", "tried_because")}
    moments = {name: _moment(document.get(name)) for name in ("at", "closed_at", "tried_at")}
    headers = {_name(name).encode(errors="backslashreplace").decode(): _text(raw, 200) for name, raw in kept["headers"]}
    return (
        shown
        | told
        | moments
        | {
            "id": str(document["_id"]),
            "tries": document.get("tries", 0),
            "type": headers.get("ce_type"),
            "key": _text(kept["key"], 200),
            "headers": headers,
            "value": _text(kept["value"], limit),
            "size": len(kept["value"] or b""),
        }
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
