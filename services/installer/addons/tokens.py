"""The tokens of add-ons: what each says. `token_reading.py` judges one that comes back.

The claims are the platform's (RS256, `type: addon`, `sub` = manifest key), so add-ons verify them unchanged.
`tokenUse` is ours: it keeps a token of one use from passing for another. No token text is stored anywhere,
because equal claims signed with the same key give equal bytes: it is made again whenever it is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.installer.addons.addresses import Addresses
from shared.plumbing.keys import SigningKey

# The platform's installation and webhook tokens end when the add-on is removed, and carry an `exp` a hundred
# years away; verifiers that insist on one are satisfied.
LASTING = timedelta(days=36_500)
# Longer than any call is repeated, because every attempt of a call carries the same token.
LIFECYCLE_LIFE = timedelta(days=8)
USER_LIFE = timedelta(minutes=30)


class Use(StrEnum):
    """What a token is for."""

    LIFECYCLE = "lifecycle"
    """Proves that a lifecycle call is ours; opens nothing."""
    INSTALLATION = "installation"
    """The add-on's own access, until it is removed."""
    USER = "user"
    """The access of one person, inside the add-on's pages."""
    WEBHOOK = "webhook"
    """Proves that an event is ours; opens nothing."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The installation that a token speaks for."""

    issuer: str
    addon_key: str
    workspace_id: str
    installation_id: str

    def claims(self, use: Use, issued_at: datetime, life: timedelta) -> dict[str, Any]:
        """What every token says, in this order: the order is part of the bytes."""
        seconds = int(issued_at.timestamp())
        return {
            "iss": self.issuer,
            "sub": self.addon_key,
            "type": "addon",
            "tokenUse": use.value,
            "workspaceId": self.workspace_id,
            "addonId": self.installation_id,
            "iat": seconds,
            "exp": seconds + int(life.total_seconds()),
        }


def lifecycle_token(key: SigningKey, holder: Holder, issued_at: datetime) -> str:
    """The token of one lifecycle call: for `X-Addon-Lifecycle-Token`."""
    return _sign(key, holder.claims(Use.LIFECYCLE, issued_at, LIFECYCLE_LIFE))


def installation_token(
    key: SigningKey, holder: Holder, issued_at: datetime, *, jti: str, user_id: str, addresses: Addresses
) -> str:
    """The `authToken` of `INSTALLED`. `user_id` is whom the add-on acts as until it asks for another."""
    claims = holder.claims(Use.INSTALLATION, issued_at, LASTING)
    return _sign(key, claims | {"jti": jti, "user": user_id} | addresses.claims())


def webhook_token(key: SigningKey, holder: Holder, issued_at: datetime, *, jti: str, path: str) -> str:
    """The token of one webhook: the same text with each of its events, so the path is what tells two apart."""
    claims = holder.claims(Use.WEBHOOK, issued_at, LASTING)
    return _sign(key, claims | {"jti": jti, "path": path})


def user_token(
    key: SigningKey,
    holder: Holder,
    issued_at: datetime,
    *,
    jti: str,
    user_id: str,
    workspace_role: str,
    language: str,
    addresses: Addresses,
) -> str:
    """A person's token for the add-on's pages, good for half an hour."""
    claims = holder.claims(Use.USER, issued_at, USER_LIFE)
    person = {"jti": jti, "user": user_id, "workspaceRole": workspace_role, "language": language, "theme": "DEFAULT"}
    return _sign(key, claims | person | addresses.claims())


def _sign(key: SigningKey, claims: Mapping[str, Any]) -> str:
    # "JWT" and nothing finer: libraries of add-ons may look at it.
    return key.sign(claims, typ="JWT")
