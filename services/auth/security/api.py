"""What happened to one's own account."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from services.auth.security.store import SecurityLog
from services.auth.security.views import SecurityRow
from shared.plumbing.http import Page, decode_cursor, encode_cursor, problems
from shared.plumbing.security import CurrentUser


def router(security: SecurityLog) -> APIRouter:
    """The route of the security log."""
    api = APIRouter(prefix="/api/auth/v1/me/security-log", tags=["security"])

    @api.get("", responses=problems("token-missing", "invalid-cursor"))
    async def show_security_log(
        principal: CurrentUser,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
        cursor: Annotated[str | None, Query(max_length=512)] = None,
    ) -> Page[SecurityRow]:
        """What happened to the caller's account in the last year, the newest first."""
        before = decode_cursor(cursor, tuple[datetime, str]) if cursor else None
        found = await security.of(principal.user_id, before, limit + 1)
        rows = [SecurityRow.of(document) for document in found[:limit]]
        more = encode_cursor((rows[-1].at, rows[-1].id)) if len(found) > limit else None
        return Page(items=rows, next=more)

    return api
