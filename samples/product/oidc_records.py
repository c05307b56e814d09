"""What the provider knows of its one client, of the log-ins under way, and of the tokens it gave."""

# Authlib ships no type information, so its classes are Any to the checker.
# mypy: disallow-subclassing-any=False

import secrets
import time
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from samples.product.users import User

SCOPES = ("openid", "profile", "email")


@dataclass(frozen=True)
class Client(ClientMixin):
    client_id: str
    client_secret: str
    redirect_uri: str

    @property
    def client_metadata(self) -> dict[str, Any]:
        return {}

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """None refuses the request: without `openid` there is no log-in."""
        asked = (scope or "").split()
        return " ".join(name for name in asked if name in SCOPES) if "openid" in asked else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret.encode(), self.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        del endpoint  # the same at all of them
        return method in {"client_secret_basic", "client_secret_post"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass(frozen=True)
class Code(AuthorizationCodeMixin):
    """What a log-in said, until the marketplace collects it."""

    redirect_uri: str
    scope: str
    sub: str
    nonce: str | None
    code_challenge: str
    auth_time: int
    amr: list[str]
    expires_at: float
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> list[str]:
        return self.amr


@dataclass(frozen=True)
class Token(TokenMixin):
    client: Client
    user: User
    scope: str
    expires_at: float

    def get_client(self) -> Client:
        return self.client

    def get_user(self) -> User:
        return self.user

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return time.time() >= self.expires_at

    def is_revoked(self) -> bool:
        return False
