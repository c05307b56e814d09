"""What clients send and get: sessions."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from services.auth.accounts.views import User
from services.auth.factors.second_factor import Proof
from services.auth.factors.views import Code, EitherCode, RecoveryCode
from services.auth.sessions.proofs import Once
from services.auth.sessions.sessions import Client, Session
from services.auth.texts import Address, GivenPassword
from services.auth.views import Asked, Told
from shared.plumbing.openapi import example


class LogIn(Asked):
    model_config = example({"email": "ada@example.com", "password": "correct horse battery", "client": "api"})

    email: Address
    password: GivenPassword
    client: Client = "api"


class SecondStep(EitherCode):
    model_config = example({"challenge": "pVb2cTq0Yd3m8w1nR5xkZs7uLh4jGf6e", "code": "492039"})

    challenge: Annotated[str, StringConstraints(max_length=100)] | None = None
    """As `two-factor-needed` told it; without one, that of the browser's cookie."""


class StepUp(Asked):
    """Exactly one of the three."""

    model_config = example({"password": "correct horse battery"})

    password: GivenPassword | None = None
    code: Code | None = None
    recovery_code: RecoveryCode | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.password, self.code, self.recovery_code)) != 1:
            raise ValueError("one of password, code and recovery_code")
        return self

    @property
    def once(self) -> Once:
        return Once(self.password) if self.password is not None else Once(proof=Proof(self.code, self.recovery_code))


class Refresh(Asked):
    model_config = example({"refresh_token": "pVb2cTq0Yd3m8w1nR5xkZs7uLh4jGf6e"})

    refresh_token: Annotated[str, StringConstraints(max_length=200)]


class OpenSession(Told):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    """Null for browser clients, whose refresh token is in a cookie that no script can read."""
    session_id: str
    user: User


class Proved(Told):
    """An access token of the same session, which says that its owner has just proved who they are."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds."""


class SessionRow(Told):
    id: str
    client: Client
    network: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool

    @classmethod
    def of(cls, session: Session, current: str) -> Self:
        return cls(
            id=session.id,
            client=session.client,
            network=session.network,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.rotated_at,
            expires_at=session.expires_at,
            current=session.id == current,
        )
