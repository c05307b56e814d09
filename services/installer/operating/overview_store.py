"""Questions about all unfinished installations. Each has a partial index, so a million finished ones cost nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from services.installer.domain import Installation
from services.installer.storage.documents import read_each
from services.installer.storage.queries import InstallationQueries
from shared.contracts.installer import Cleanup, Outcome, State
from shared.contracts.reasons import FailureReason, Side, WaitingFor
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Database, Document

Show = Literal["pending", "clean-up", "given-up", "failed"]
PATIENCE = timedelta(minutes=1)
"""What is due is begun within seconds; what is a minute late is late."""
MOST = 10_000
"""No count goes beyond; so many are trouble enough."""
RECENT = timedelta(days=1)
_PENDING: Document = {"outcome": Outcome.PENDING}
_SHOWN: dict[Show, Document] = {
    "pending": _PENDING,
    "clean-up": {"cleanup": Cleanup.OWED},
    "given-up": {"gave_up": True},
    "failed": {"outcome": Outcome.FAILED},
}
# What each is sorted by: the longest trouble first; of what is over, the newest.
_ORDER: dict[Show, tuple[str, int]] = {
    "pending": ("requested_at", 1),
    "clean-up": ("requested_at", 1),
    "given-up": ("changed_at", -1),
    "failed": ("changed_at", -1),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which installations; all that is given must hold."""

    show: Show = "pending"
    state: State | None = None
    reason: FailureReason | None = None
    waiting_for: WaitingFor | None = None
    side: Side | None = None
    addon: str | None = None
    requested_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """How many are late (counted up to MOST), and the moment that the latest of them should have been looked at."""

    count: int
    oldest: datetime | None


class OverviewStore:
    """Reads, and wakes what is stranded. `sides` says of each thing waited for whose side it is on.

    Raises the driver's errors.
    """

    def __init__(
        self,
        database: Database,
        queries: InstallationQueries,
        clock: Clock,
        sides: Mapping[WaitingFor, Side],
    ) -> None:
        self._all = database["installations"]
        self._health = database["addon_health"]
        self._notices = database["notices"]
        self._addons = database["addons"]
        self._queries = queries
        self._clock = clock
        self._sides = sides

    async def listed(
        self, which: Filter, after: tuple[datetime, str] | None = None, limit: int = 50
    ) -> list[Installation]:
        """What matches. `after` is (`position`, id) of the last one of the page before."""
        field, direction = _ORDER[which.show]
        clauses = [_SHOWN[which.show], *self._clauses(which)]
        if after is not None:
            at, last = after
            beyond, bound = ("$gt", "$gte") if direction > 0 else ("$lt", "$lte")
            clauses += [{field: {bound: at}}, {"$or": [{field: {beyond: at}}, {"_id": {beyond: last}}]}]
        found: list[Installation] = []
        cursor = self._all.find({"$and": clauses}).sort([(field, direction), ("_id", direction)]).batch_size(limit)
        async for document in cursor:
            found += read_each([document], isolated=True)[0]  # what another release wrote must not hide the others
            if len(found) == limit:
                break
        return found

    @staticmethod
    def position(which: Filter, one: Installation) -> tuple[datetime, str]:
        """Where the page after `one` begins."""
        return getattr(one, _ORDER[which.show][0]), one.id

    def _clauses(self, which: Filter) -> list[Document]:
        found: list[Document] = []
        named = {"state": which.state, "reason": which.reason, "waiting_for": which.waiting_for}
        found += [{name: value} for name, value in named.items() if value is not None]
        if which.addon is not None:
            found.append({"addon_key": which.addon})
        if which.requested_before is not None:
            found.append({"requested_at": {"$lt": which.requested_before}})
        if which.side is not None:
            waits = [one for one, side in self._sides.items() if side is which.side]
            implied = {"waiting_for": {"$in": waits}, "$or": [{"trouble": True}, {"state": State.WAITING}]}
            found.append({"$or": [{"side": which.side}, {"side": {"$exists": False}, **implied}]})
        return found

    async def pending(self) -> list[dict[str, Any]]:
        """`{state, waiting_for, count}` of the pending ones, counted up to MOST in all."""
        rows = await self._pending_by({"state": "$state", "waiting_for": "$waiting_for"})
        counted = [
            {"state": row["_id"]["state"], "waiting_for": row["_id"].get("waiting_for"), "count": row["count"]}
            for row in rows
        ]
        return sorted(counted, key=lambda row: (row["state"], row["waiting_for"] or ""))

    async def troubled(self) -> dict[str, int]:
        """How many pending ones do not get on, by whose side that is on, counted up to MOST in all."""
        stuck = {"$or": [{"$eq": ["$trouble", True]}, {"$eq": ["$state", State.WAITING]}]}
        found = dict.fromkeys(Side, 0)
        for row in await self._pending_by({"side": "$side", "waiting_for": "$waiting_for", "stuck": stuck}):
            kind = row["_id"]
            implied = self._sides.get(kind.get("waiting_for")) if kind["stuck"] else None
            if (side := kind.get("side") or implied) in found:
                found[side] += row["count"]
        return {side.value: count for side, count in found.items()}

    async def _pending_by(self, kind: Document) -> list[Document]:
        stages: list[Document] = [
            {"$match": _PENDING},
            {"$sort": {"requested_at": 1}},
            {"$limit": MOST},
            {"$group": {"_id": kind, "count": {"$sum": 1}}},
        ]
        return await (await self._all.aggregate(stages)).to_list()

    async def failed(self) -> dict[str, int]:
        """How many failed within RECENT, by reason, counted up to MOST in all."""
        stages: list[Document] = [
            {"$match": {**_SHOWN["failed"], "changed_at": {"$gte": self._clock.now() - RECENT}}},
            {"$sort": {"changed_at": -1}},
            {"$limit": MOST},
            {"$group": {"_id": "$reason", "count": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
        ]
        return {row["_id"]: row["count"] async for row in await self._all.aggregate(stages)}

    async def oldest(self) -> Installation | None:
        """The oldest pending one."""
        found = await self.listed(Filter(), limit=1)
        return found[0] if found else None

    async def overdue(self) -> Late:
        """What should have been looked at PATIENCE ago."""
        return await self._late({"due_at": {"$type": "date", "$lt": self._clock.now() - PATIENCE}})

    async def beyond_deadline(self) -> Late:
        """Pending ones whose state should have been over PATIENCE ago."""
        over = {"$lt": self._clock.now() - PATIENCE}
        late = {"deadline": over, "until": over}  # a question that Kafka has not taken yet may take until later
        return await self._late({"due_at": {"$type": "date"}, **_PENDING, **late})

    async def counts(self) -> dict[str, int]:
        """`owed` and `given_up` clean-ups (the latter within 30 days), `stranded`; each counted up to a bound."""
        since = self._clock.now() - timedelta(days=30)
        return {
            "owed": await self._all.count_documents(_SHOWN["clean-up"], limit=MOST),
            "given_up": await self._all.count_documents({"gave_up": True, "changed_at": {"$gte": since}}, limit=MOST),
            "stranded": len(await self._queries.stranded()),
        }

    async def breakers(self) -> list[Document]:
        """Add-ons whose breaker is not closed: `addon_key`, `state`, `since`, `cause`, `probe_at`."""
        found = self._health.find({"state": {"$in": ["open", "half_open"]}}).sort("state", 1).limit(100)
        names = ("state", "since", "cause", "probe_at")
        return [{"addon_key": one["_id"], **{name: one.get(name) for name in names}} async for one in found]

    async def notices(self) -> list[str]:
        """The scopes of operators' notices, which keep calls back."""
        return [one["_id"] async for one in self._notices.find({"raised": True, "cause": "operator"}, {"_id": 1})]

    async def notices_before(self, moment: datetime) -> list[str]:
        """The scopes of operators' notices that were raised before `moment`."""
        raised = {"raised": True, "cause": "operator", "raised_at": {"$lt": moment}}
        return [one["_id"] async for one in self._notices.find(raised, {"_id": 1})]

    async def unknown_addons(self) -> list[str]:
        """Add-ons that live in workspaces and that the projection of the catalog has never heard of."""
        installed = await self._all.distinct("addon_key")
        known = {one["_id"] async for one in self._addons.find({"_id": {"$in": installed}}, {"_id": 1})}
        missing = sorted(set(installed) - known)
        return [key for key in missing if await self._all.find_one({"addon_key": key, "live": True}, {"_id": 1})]

    async def stranded(self) -> int:
        """How many nobody would look at again, rare kinds too: reads everything, for the doctor."""
        return len(await self._queries.stranded(thorough=True))

    async def wake_stranded(self) -> int:
        """Make due what nobody would look at; the worker decides what becomes of it. Returns how many."""
        woken = 0
        for installation_id in await self._queries.stranded(thorough=True):
            which = {"_id": installation_id, "due_at": {"$exists": False}}
            update = {"$set": {"due_at": self._clock.now()}, "$inc": {"version": 1}}
            woken += (await self._all.update_one(which, update)).modified_count
        return woken

    async def _late(self, which: Document) -> Late:
        oldest = await self._all.find_one(which, {"due_at": 1}, sort=[("due_at", 1)])
        if oldest is None:
            return Late(0, None)
        return Late(await self._all.count_documents(which, limit=MOST), oldest["due_at"])
