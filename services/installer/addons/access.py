"""Who an add-on's token speaks for, and what it may do now.

A good signature is half the answer: the installation must stand, and the token be the one that it holds. So all
tokens of an installation die with the write that fails or uninstalls it, and act only after the one that installs.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Security
from fastapi.security import APIKeyHeader

from services.installer.addons import token_reading
from services.installer.addons.keys import AddOnKeys
from services.installer.addons.token_reading import AddOnToken, TokenRefusedError, UnknownKidError
from services.installer.addons.tokens import Use
from services.installer.domain import Installation
from shared.contracts.auth import Role
from shared.plumbing.clock import Clock
from shared.plumbing.rate_limit import RateLimit

_header = APIKeyHeader(
    name="X-Addon-Token", auto_error=False, scheme_name="addon", description="The `authToken` of INSTALLED"
)
# The platform's codes.
INVALID_TOKEN = 4017
UNKNOWN_ROUTE = 3000


class AddOnProblem(Exception):  # noqa: N818 - as `Problem`: the name of what the client gets
    """An answer of the wire contract's endpoints: `{"message", "code"}`."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = status if code is None else code


def invalid_token() -> AddOnProblem:
    """One answer to every token that is not good, as the platform's."""
    return AddOnProblem(401, "Token is not valid", INVALID_TOKEN)


@dataclass(frozen=True, slots=True)
class Caller:
    """An add-on, in one installation, as one person."""

    token: AddOnToken
    installation: Installation

    @property
    def may_write(self) -> bool:
        """False until the add-on has confirmed its installation."""
        return self.installation.tokens_write

    def within(self, workspace_id: str) -> Self:
        """Self, if this is the workspace of the installation: no other exists for it. Raises AddOnProblem 404."""
        if workspace_id != self.installation.workspace_id:
            raise AddOnProblem(404, "Workspace not found")
        return self


class AddOnAccess:
    """Turns the text in `X-Addon-Token` into a Caller."""

    def __init__(
        self,
        keys: AddOnKeys,
        find: Callable[[str], Awaitable[Installation | None]],
        role: Callable[[str, str], Awaitable[Role | None]],
        *,
        issuer: str,
        clock: Clock,
        limit: RateLimit,
    ) -> None:
        """`role` is that of a user in a workspace; `limit` counts per installation: one add-on in one workspace."""
        self._keys = keys
        self._find = find
        self._role = role
        self._issuer = issuer
        self._clock = clock
        self._limit = limit

    async def authenticated(self, token: Annotated[str | None, Security(_header)]) -> Caller:
        """The dependency of routes. Raises AddOnProblem 401, or TooMany."""
        caller = await self.caller(token or "")
        self._limit.check(caller.installation.id)
        return caller

    async def caller(self, text: str) -> Caller:
        """Raises AddOnProblem 401 for every token that is not good now."""
        token = await self._read(text)
        installation = await self._find(token.installation_id)
        if installation is None or not stands(token, installation):
            raise invalid_token()
        # A person's token is good for half an hour, the person perhaps not: whoever leaves takes no rights along.
        if token.use is Use.USER and await self._role(token.workspace_id, token.user_id) is None:
            raise invalid_token()
        return Caller(token, installation)

    async def _read(self, text: str) -> AddOnToken:
        try:
            try:
                return self._verified(text)
            except UnknownKidError:
                await self._keys.refresh()  # another process may have made the key
                return self._verified(text)
        except TokenRefusedError:
            raise invalid_token() from None

    def _verified(self, text: str) -> AddOnToken:
        return token_reading.read(text, self._keys.public_key, self._issuer, self._clock.now())


def stands(token: AddOnToken, installation: Installation) -> bool:
    """Whether the installation holds this token now."""
    held = installation.tokens
    if held is None or not installation.tokens_read:
        return False
    if (token.addon_key, token.workspace_id, token.kid) != (
        installation.addon_key,
        installation.workspace_id,
        held.kid,
    ):
        return False
    if token.use is Use.INSTALLATION:
        return (token.jti, token.issued_at) == (held.jti, held.iat)
    # A person's token is minted from the installation's, and falls with it.
    return token.use is Use.USER and installation.tokens_write and token.jti.startswith(f"{held.jti}.")
