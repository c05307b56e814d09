"""A copy of everything that auth keeps of one person, written while it is read: whatever its size, little is held."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson

from services.auth.domain import Account
from services.auth.workspaces.rules import role_of
from services.auth.workspaces.store import Workspaces
from shared.plumbing.mongo import Document

Section = Callable[[str], AsyncIterator[Document]]
"""The documents that are kept of the user with this id."""
_PAGE = 100
# What the other services keep is theirs to tell; each knows the caller by the same token.
ELSEWHERE: Mapping[str, str] = {
    "installations": "/api/installer/v1/installations?workspace={workspace}",
    "feed": "/api/notifier/v1/feed?workspace={workspace}",
    "add_ons": "/api/catalog/v1/addons?mine=true",
}


def about(account: Account) -> dict[str, Any]:
    """The account itself. No hash and no secret; a change of address under way is its mailbox's to tell."""
    return {
        "id": account.id,
        "email": account.email,
        "display_name": account.display_name,
        "locale": account.locale,
        "verified_at": account.verified_at,
        "two_factor": account.two_factor,
        "two_factor_since": account.second_factor.enabled_at if account.second_factor else None,
        "personal_tokens": [one.model_dump(exclude={"hash"}) for one in account.personal_tokens],
        "has_password": account.password is not None,
        "roles": account.roles,
        "created_at": account.created_at,
        "sessions_valid_from": account.sessions_valid_from,
    }


def identities(account: Account) -> list[dict[str, Any]]:
    """The product accounts."""
    return [one.model_dump() for one in account.identities]


def memberships(workspaces: Workspaces) -> Section:
    """The workspaces that somebody is in."""

    async def section(user_id: str) -> AsyncIterator[Document]:
        after = ""
        while found := await workspaces.of_user(user_id, after, _PAGE):
            for one in found:
                yield {"id": one.id, "name": one.name, "provider": one.provider, "role": role_of(one, user_id)}
            after = found[-1].id

    return section


class Export:
    """Writes the copy: sections by their names, each a list."""

    def __init__(self, sections: Mapping[str, Section]) -> None:
        self._sections = sections

    async def write(self, account: Account) -> AsyncIterator[bytes]:
        """The parts of one JSON document."""
        head = {"account": about(account), "identities": identities(account), "elsewhere": ELSEWHERE}
        yield orjson.dumps(head)[:-1]
        for name, section in self._sections.items():
            yield b"," + orjson.dumps(name) + b":["
            before = b""
            async for document in section(account.id):
                yield before + orjson.dumps(document)
                before = b","
            yield b"]"
        yield b"}"
