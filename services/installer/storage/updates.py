"""The update that leads from one version of an installation to the next. Pure; `store.py` sends it.

Every field is named, growing lists are appended and cut by the server, and the outbox is never written from memory:
entries are pushed, and sent ones are filtered out of what the server has.
"""

from collections.abc import Sequence
from datetime import datetime

from services.installer.domain import HISTORY_LIMIT, Installation
from services.installer.storage.documents import changes, to_document
from shared.plumbing.mongo import Document
from shared.plumbing.outbox import without_sent

Update = Document | list[Document]


def first(one: Installation, entries: Sequence[Document], now: datetime) -> Document:
    """The document of a new installation."""
    return to_document(one) | {"outbox": list(entries), "outbox_since": now, "state_marked_at": now}


def between(
    before: Installation, after: Installation, entries: Sequence[Document], cleared: Sequence[str], now: datetime
) -> Update:
    """To be sent with a filter on `before.version`. Puts `entries` into the outbox and takes `cleared` out."""
    found, gone = changes(before, after)
    found |= {"version": before.version + 1, "state_marked_at": now}
    history = [entry for entry in after.history if entry["n"] > before.steps]
    if cleared:
        found |= {"outbox": entries, "history": history}
        return _pipeline(found, gone, cleared, now)
    update: Document = {"$set": found}
    if gone:
        update["$unset"] = dict.fromkeys(gone, "")
    pushed: Document = {}
    if history:
        pushed["history"] = {"$each": history, "$slice": -HISTORY_LIMIT}
    if entries:
        pushed["outbox"] = {"$each": list(entries)}
        found["outbox_since"] = now
    if pushed:
        update["$push"] = pushed
    return update


def overflow(before: Installation, after: Installation) -> list[Document]:
    """History entries that this step pushes out of the document; their ids make keeping them twice harmless."""
    kept = after.history[0]["n"] if after.history else 0
    return [
        {"_id": f"{before.id}:{entry['n']}", "installation_id": before.id, **entry}
        for entry in before.history
        if entry["n"] < kept
    ]


def _pipeline(found: Document, gone: Sequence[str], cleared: Sequence[str], now: datetime) -> list[Document]:
    # Literal, because texts from outside may begin with a dollar sign.
    values: Document = {name: {"$literal": value} for name, value in found.items()}
    values["outbox"] = {"$concatArrays": [without_sent(cleared), values["outbox"]]}
    values["history"] = {"$slice": [{"$concatArrays": ["$history", values["history"]]}, -HISTORY_LIMIT]}
    pending = {"$cond": [{"$gt": [{"$size": "$outbox"}, 0]}, {"$ifNull": ["$outbox_since", now]}, "$$REMOVE"]}
    stages: list[Document] = [{"$set": values}, {"$set": {"outbox_since": pending}}]
    return [*stages, {"$unset": list(gone)}] if gone else stages
