"""What operators ask about all installations."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from services.installer.domain import Installation
from services.installer.operating import views
from services.installer.operating.overview_store import MOST, Filter, Late, OverviewStore, Show
from services.installer.web import showing
from shared.contracts.installer import State
from shared.contracts.reasons import FailureReason, Side, WaitingFor
from shared.plumbing.clock import Clock
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.groups import Groups
from shared.plumbing.http import Page, decode_cursor, encode_cursor, problems
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.security import require_role
from shared.plumbing.state_relay import StateRelay


class Listing(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    show: Show | None = Field(
        None,
        description="`given-up`: clean-ups that the add-on never confirmed. Else `pending`, or `failed` with its "
        "state or a reason",
    )
    state: State | None = None
    reason: FailureReason | None = None
    waiting_for: WaitingFor | None = None
    side: Side | None = Field(None, description="Whose side the trouble is on")
    addon: str | None = Field(None, max_length=50)
    older_than: int = Field(0, ge=0, le=10**8, description="Requested at least so many seconds ago")
    cursor: str | None = Field(None, max_length=500)
    limit: int = Field(50, ge=1, le=100)


def router(
    store: OverviewStore,
    clock: Clock,
    *,
    letters: DeadLetters,
    outboxes: Sequence[OutboxRelay],
    states: Sequence[StateRelay],
    groups: Groups,
) -> APIRouter:
    """Routes of operators."""
    api = APIRouter(
        prefix="/api/installer/v1/operator", tags=["operator"], dependencies=[Depends(require_role("operator"))]
    )

    @api.get("/installations", responses=problems("token-missing", "role-required", "invalid-cursor"))
    async def list_operator_installations(which: Annotated[Listing, Query()]) -> Page[views.OperatorRow]:
        """Unfinished or failed installations of everybody: the oldest first, of what is over the newest."""
        now = clock.now()
        asked = Filter(
            show=which.show or ("failed" if which.reason or which.state is State.FAILED else "pending"),
            state=which.state,
            reason=which.reason,
            waiting_for=which.waiting_for,
            side=which.side,
            addon=which.addon,
            requested_before=now - timedelta(seconds=which.older_than) if which.older_than else None,
        )
        after = decode_cursor(which.cursor, tuple[datetime, str]) if which.cursor else None
        found = await store.listed(asked, after, which.limit + 1)
        shown = found[: which.limit]
        more = encode_cursor(store.position(asked, shown[-1])) if len(found) > which.limit else None
        return Page(items=[_row(one, now) for one in shown], next=more)

    @api.get("/overview", responses=problems("token-missing", "role-required"))
    async def show_overview() -> views.Overview:
        """What is pending, late, owed and unsent, and what is in the way."""
        now = clock.now()
        oldest, counts, standings = await store.oldest(), await store.counts(), await groups.now()
        return views.Overview(
            at=now,
            pending=[views.PendingCount.model_validate(row) for row in await store.pending()],
            troubled=await store.troubled(),
            failed=await store.failed(),
            oldest=None if oldest is None else _row(oldest, now),
            overdue=_late(await store.overdue()),
            beyond_deadline=_late(await store.beyond_deadline()),
            cleanup_owed=counts["owed"],
            cleanup_given_up=counts["given_up"],
            stranded=counts["stranded"],
            unsent=[await _unsent(name, outboxes, states, now) for name in sorted({one.name for one in states})],
            breakers=[views.BreakerView.model_validate(one) for one in await store.breakers()],
            notices=await store.notices(),
            dead_letters=await letters.count_open(MOST),
            groups=None
            if standings is None
            else [
                views.GroupView(group=name, members=one.members, behind=one.behind)
                for name, one in sorted(standings.items())
            ],
        )

    return api


def _row(one: Installation, now: datetime) -> views.OperatorRow:
    late = (now - one.due_at).total_seconds() if one.due_at is not None else 0.0
    age = (now - one.requested_at).total_seconds()
    return views.OperatorRow.model_validate(
        {**showing.installation(one), "age_seconds": age, "overdue_seconds": max(0.0, late)}
    )


def _late(late: Late) -> views.LateView:
    return views.LateView(count=late.count, oldest_due_at=late.oldest)


async def _unsent(
    name: str, outboxes: Sequence[OutboxRelay], states: Sequence[StateRelay], now: datetime
) -> views.Unsent:
    events, since = 0, None
    for outbox in outboxes:
        if outbox.name == name:
            events, since = await outbox.pending(MOST)
    marked = [await state.oldest_unsent() for state in states if state.name == name]
    return views.Unsent(
        collection=name,
        events=events,
        oldest_event_seconds=_age(since, now),
        oldest_state_seconds=max((_age(one, now) for one in marked), default=0.0),
    )


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
