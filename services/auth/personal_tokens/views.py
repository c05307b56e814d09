"""What clients send and get: personal access tokens."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field

from services.auth.domain import PersonalToken
from services.auth.personal_tokens.rules import SCOPES, Scope
from services.auth.texts import one_line, printable
from services.auth.views import Asked, Told

Name = Annotated[
    str,
    BeforeValidator(one_line),
    Field(min_length=1, max_length=60, examples=["Nightly build"]),
    AfterValidator(printable),
]


class NewToken(Asked):
    name: Name
    scopes: Annotated[
        list[Scope], Field(min_length=1, max_length=len(SCOPES), examples=[["catalog:read", "installer:write"]])
    ]
    expires_in_days: Annotated[int, Field(ge=1, le=365, examples=[90])]


class PersonalTokenRow(Told):
    id: str
    name: str
    hint: str
    """How it begins."""
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: PersonalToken) -> Self:
        return cls(**token.model_dump(exclude={"hash"}))


class MadeToken(Told):
    token: str
    """Shown this once."""
    personal_token: PersonalTokenRow


class Exchange(Asked):
    token: Annotated[str, Field(max_length=200, examples=["souk_pat_..."])]


class ProgramAccess(Told):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds. Then exchange the personal token again: there is no refresh token."""
    scope: str
    """What it may do, separated by spaces (RFC 6749 §3.3)."""
