"""Dead letters over HTTP, for operators: the same routes in every service."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from shared.plumbing.dead_letters_desk import DeadLetterDesk
from shared.plumbing.dead_letters_shapes import (
    DeadLetterView,
    Discard,
    DiscardedMany,
    DiscardOrder,
    Replayed,
    ReplayedMany,
    ReplayOrder,
    Status,
    Which,
)
from shared.plumbing.errors import Conflict, NotFound
from shared.plumbing.http import Page, decode_cursor, encode_cursor, problems
from shared.plumbing.security import Principal, require_role

OPERATOR = "operator"
_REFUSED = ("token-missing", "role-required")
_ONE = (*_REFUSED, "404 dead-letter-not-found")
_LetterId = Annotated[str, Path(pattern="^[0-9a-f]{24}$", examples=["65f1c0ffee0123456789abcd"])]


class Listing(Which):
    """A page of a list."""

    status: Status | Literal["any"] = "open"
    cursor: str | None = Field(None, max_length=500)
    limit: int = Field(50, ge=1, le=100)


def dead_letter_router(
    service: str,
    desk: DeadLetterDesk,
    *,
    changes: Callable[..., Awaitable[Principal]] | None = None,
) -> APIRouter:
    """Routes of dead letters. `changes` admits whoever may replay and discard; every operator may look."""
    api = APIRouter(prefix=f"/api/{service}/v1/operator/dead-letters", tags=["operator"])
    _add_looking(api, desk)
    _add_changing(api, desk, Depends(changes or require_role(OPERATOR)))
    return api


def _add_looking(api: APIRouter, desk: DeadLetterDesk) -> None:
    looking = [Depends(require_role(OPERATOR))]

    @api.get("", dependencies=looking, responses=problems(*_REFUSED, "invalid-cursor"))
    async def list_dead_letters(
        which: Annotated[Listing, Query()],
    ) -> Page[DeadLetterView]:
        """What was set aside, newest first. Closed ones are kept for 180 days, with who closed them and why."""
        after = decode_cursor(which.cursor, tuple[datetime, str]) if which.cursor else None
        status, limit = None if which.status == "any" else which.status, which.limit
        found = await desk.letters.list(which.query(), status=status, limit=limit + 1, after=after)
        items = [DeadLetterView.model_validate(one) for one in found[:limit]]
        more = len(found) > limit
        return Page(items=items, next=encode_cursor((items[-1].at, items[-1].id)) if more else None)

    @api.get("/{letter_id}", dependencies=looking, responses=problems(*_ONE))
    async def show_dead_letter(letter_id: _LetterId) -> DeadLetterView:
        """One of them, with up to 200 KB of its value."""
        return DeadLetterView.model_validate(await _shown(desk, letter_id))


def _add_changing(api: APIRouter, desk: DeadLetterDesk, changing: Any) -> None:
    @api.post("/{letter_id}/replay", responses=problems(*_ONE, "409 dead-letter-busy", "409 dead-letter-closed"))
    async def replay_dead_letter(letter_id: _LetterId, operator: Annotated[Principal, changing]) -> DeadLetterView:
        """Run the normal handler on it. It is shown as it is afterwards; one that was replayed before stays as it is.

        `superseded`: it is older than the state, and changed nothing. `open`: see `tried_because`.
        """
        result = await desk.replay(letter_id, operator.user_id)
        if result == "busy":
            raise _busy()
        letter = await _shown(desk, letter_id)
        if result == "closed" and letter["status"] == "discarded":
            raise _closed()
        return DeadLetterView.model_validate(letter)

    @api.post("/{letter_id}/discard", responses=problems(*_ONE, "409 dead-letter-busy", "409 dead-letter-closed"))
    async def discard_dead_letter(
        letter_id: _LetterId, body: Discard, operator: Annotated[Principal, changing]
    ) -> DeadLetterView:
        """Close it unhandled. Why, when and by whom is kept."""
        done = await desk.letters.discard_ids([letter_id], body.because, by=operator.user_id)
        letter = await _shown(desk, letter_id)
        if not done:
            raise _busy() if letter["status"] == "open" else _closed()
        return DeadLetterView.model_validate(letter)

    @api.post("/replay", responses=problems(*_REFUSED))
    async def replay_dead_letters(body: ReplayOrder, operator: Annotated[Principal, changing]) -> ReplayedMany:
        """Run the normal handler on the open ones of a choice, the oldest first. Repeat it while there are `more`.

        One that is still faulty stays open; give `next` as `after`, and the next order goes past it.
        """
        results, more = await desk.replay_some(body.which, body.limit, operator.user_id, after=body.after)
        letters = [Replayed.model_validate({"id": letter_id, "result": result}) for letter_id, result in results]
        counts = dict(Counter(result for _, result in results))
        return ReplayedMany(counts=counts, letters=letters, more=more, next=letters[-1].id if more else None)

    @api.post("/discard", responses=problems(*_REFUSED))
    async def discard_dead_letters(body: DiscardOrder, operator: Annotated[Principal, changing]) -> DiscardedMany:
        """Close the open ones of a choice unhandled, the oldest first. Repeat it while there are `more`."""
        discarded, more = await desk.discard_some(body.which, body.because, body.limit, operator.user_id)
        return DiscardedMany(discarded=discarded, more=more)


async def _shown(desk: DeadLetterDesk, letter_id: str) -> dict[str, Any]:
    found = await desk.letters.find(letter_id)
    if found is None:
        raise NotFound("dead-letter-not-found", "There is no such dead letter")
    return found


def _busy() -> Conflict:
    return Conflict("dead-letter-busy", "Somebody replays this dead letter just now", "Look again in a minute.")


def _closed() -> Conflict:
    return Conflict("dead-letter-closed", "This dead letter was closed before", "See closed_because.")
