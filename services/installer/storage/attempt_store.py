"""The log of calls to add-ons: one document for each attempt, beside the timeline, and for longer than most of it.

An attempt is recorded together with the report of its end, by the process that made it. One whose process died is
recorded by whoever finds out; should the process have been slow only, its own word replaces that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel

from services.installer.domain import Installation, webhook_id
from services.installer.saga.draft import UNREPORTED, Step
from services.installer.saga.inputs import CallReported, Result
from shared.plumbing.mongo import Database, Document, ensure_indexes, insert_new

INDEXES = (
    IndexModel([("addon_key", 1), ("at", -1), ("_id", -1)], name="failures", partialFilterExpression={"failed": True}),
    IndexModel([("forget_at", 1)], name="forget", expireAfterSeconds=0),
)


def attempt_id(installation_id: str, number: int, attempt: int) -> str:
    """Ids of one installation sort by call and attempt, so no other index is needed to list them."""
    return f"{installation_id}:{number:09d}:{attempt:09d}"


def reported(one: Installation, report: CallReported, begun_at: datetime) -> Document:
    """What is kept of an attempt that came back."""
    answer = report.answer
    return {
        **_place(one, report.kind.value, report.number, report.attempt),
        "at": begun_at,
        "result": answer.result.value,
        "failed": answer.result is not Result.OK,
        "side": answer.side and answer.side.value,
        "status": answer.status,
        "ms": round(answer.duration.total_seconds() * 1000),
        "text": answer.body or (answer.text if answer.status is None else ""),
    }


def unreported(before: Installation, after: Installation) -> list[Document]:
    """What is kept of attempts that nobody waits for any more, as long as they do not report after all."""
    return [
        {
            **_place(after, entry["kind"], entry["number"], entry["attempt"]),
            "at": entry["at"],
            "result": UNREPORTED,
            "failed": True,
            "side": entry.get("side"),
            "status": None,
            "ms": None,
            "text": "",
        }
        for entry in after.history
        if entry["n"] > before.steps and entry["what"] == Step.ATTEMPT and entry["result"] == UNREPORTED
    ]


def _place(one: Installation, kind: str, number: int, attempt: int) -> Document:
    return {
        "_id": attempt_id(one.id, number, attempt),
        "installation_id": one.id,
        "workspace_id": one.workspace_id,
        "addon_key": one.addon_key,
        "webhook_id": webhook_id(one.id, kind, number),
        "kind": kind,
        "number": number,
        "attempt": attempt,
    }


class AttemptStore:
    """Attempts are kept for `retention`. Raises the driver's errors."""

    def __init__(self, database: Database, retention: timedelta) -> None:
        self._attempts = database["delivery_attempts"]
        self._retention = retention

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._attempts, INDEXES)

    async def record(self, entries: Sequence[Document]) -> None:
        """Keep attempts, each once however often this is repeated, in one round trip."""
        entries = [{**entry, "forget_at": entry["at"] + self._retention} for entry in entries]
        known = await insert_new(self._attempts, entries)
        for entry in (entries[index] for index in known):
            if entry["result"] != UNREPORTED:
                await self._attempts.replace_one({"_id": entry["_id"], "result": UNREPORTED}, entry)

    async def of_installation(
        self, installation_id: str, *, before: tuple[int, int] | None, limit: int
    ) -> list[Document]:
        """The newest first; `before` is (`number`, `attempt`) of the last one of the page before."""
        end = attempt_id(installation_id, *before) if before else f"{installation_id};"  # the sign after the colon
        which = {"_id": {"$gt": f"{installation_id}:", "$lt": end}}
        return await self._attempts.find(which).sort("_id", -1).limit(limit).to_list()

    async def failures(self, addon_key: str, *, before: tuple[datetime, str] | None, limit: int) -> list[Document]:
        """Failed attempts at one add-on, the newest first; `before` is (`at`, `_id`) of the page before's last."""
        which: Document = {"addon_key": addon_key, "failed": True}
        if before is not None:
            at, last = before
            which["at"] = {"$lte": at}  # the bound that the index understands; the rest is exact
            which["$or"] = [{"at": {"$lt": at}}, {"_id": {"$lt": last}}]
        return await self._attempts.find(which).sort([("at", -1), ("_id", -1)]).limit(limit).to_list()
