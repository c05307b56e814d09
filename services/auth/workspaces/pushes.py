"""What a product's push makes of a workspace. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import orjson

from services.auth.workspaces.rules import Member, Workspace
from shared.plumbing.errors import Conflict

Verdict = Literal["apply", "known", "older"]


def digest_of(pushed: Mapping[str, Any]) -> str:
    """Equal for equal content, in whatever order the members come."""
    members = sorted(pushed["members"], key=lambda member: str(member["subject"]))
    text = orjson.dumps({**pushed, "members": members}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def judge_push(known: Workspace | None, provider: str, version: int, digest: str) -> Verdict:
    """Whether a push is news. A withdrawn workspace keeps its version, so an old push does not bring it back.

    Raises 409 `workspace-owned-elsewhere`, and 409 `directory-version-conflict` for one version of two contents.
    """
    if known is None:
        return "apply"
    if known.provider != provider or known.directory_version is None:
        raise Conflict("workspace-owned-elsewhere", "This workspace id belongs to somebody else")
    if version < known.directory_version:
        return "older"
    if version > known.directory_version:
        return "apply"
    if digest != known.directory_digest:
        raise Conflict(
            "directory-version-conflict",
            "This version was pushed with other content",
            "Every change of a workspace needs a higher version.",
            version=version,
        )
    return "known"


def judge_withdrawal(known: Workspace, provider: str, version: int | None) -> Verdict:
    """As `judge_push`; without a version it ends whatever stands. Raises 409 `workspace-owned-elsewhere`."""
    if known.provider != provider or known.directory_version is None:
        raise Conflict("workspace-owned-elsewhere", "This workspace id belongs to somebody else")
    if version is not None and version < known.directory_version:
        return "older"
    gone = known.deleted_at is not None and version in (None, known.directory_version)
    return "known" if gone else "apply"


def resolved(members: Iterable[Member], users: Mapping[str, str]) -> list[dict[str, Any]]:
    """The members with the users that their subjects belong to at present; `users` by subject."""
    return [
        {"subject": member.subject, "role": member.role}
        | ({"user_id": users[member.subject]} if member.subject is not None and member.subject in users else {})
        for member in members
    ]
