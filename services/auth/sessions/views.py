"""What clients send and get: sessions."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from services.auth.accounts.views import User
from services.auth.sessions.sessions import Client, Session
from services.auth.texts import Address, GivenPassword
from services.auth.views import Asked, Told


class LogIn(Asked):
    email: Address
    password: GivenPassword
    client: Client = "api"


class Refresh(Asked):
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
