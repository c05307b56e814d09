"""Answering `CheckWorkspace`: auth's own facts, read in one batch, nothing stored."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from services.auth.accounts.store import Users
from services.auth.store import SOURCE
from services.auth.workspaces.rules import Workspace, role_of
from services.auth.workspaces.store import Workspaces
from shared.contracts.auth import WorkspaceChecked
from shared.contracts.envelope import Envelope, Message
from shared.contracts.installer import CheckWorkspace
from shared.plumbing.clock import Clock
from shared.plumbing.outcomes import Outcome
from shared.plumbing.producer import Producer
from shared.plumbing.records import to_record

ANSWERED_FOR = timedelta(minutes=10)
"""The asker asks again every 30 s; an answer to an older question would speak of a past nobody waits for."""
_REPLIES = uuid.UUID("0a8e4d5e-3f0b-5b8e-9d43-6d1f5f3f6c11")


class WorkspaceChecks:
    """The handler of `installer.workspace-checks.v1`."""

    def __init__(self, users: Users, workspaces: Workspaces, producer: Producer, clock: Clock) -> None:
        self._users = users
        self._workspaces = workspaces
        self._producer = producer
        self._clock = clock

    async def on_checks(self, batch: Sequence[Envelope[Message]]) -> Sequence[Outcome]:
        """Answer each command; returns when the broker has all answers, so that none is committed unanswered."""
        now = self._clock.now()
        asked = [one for one in batch if isinstance(one.data, CheckWorkspace) and _is_fresh(one.data, now)]
        commands = [one.data for one in asked if isinstance(one.data, CheckWorkspace)]
        user_ids = list({command.user_id for command in commands})
        workspace_ids = list({command.workspace_id for command in commands})
        users, workspaces = await asyncio.gather(
            self._users.facts(user_ids), self._workspaces.facts(workspace_ids, user_ids)
        )
        replies = [
            Envelope(
                id=str(uuid.uuid5(_REPLIES, envelope.id)),
                source=SOURCE,
                subject=command.installation_id,
                time=now,
                data=answer(command, users.get(command.user_id), workspaces.get(command.workspace_id)),
                correlation_id=envelope.correlation_id,
                causation_id=envelope.id,
                traceparent=envelope.traceparent,
            )
            for envelope, command in zip(asked, commands, strict=True)
        ]
        await asyncio.gather(*(self._producer.send(to_record(reply)) for reply in replies))
        answered = {id(one) for one in asked}
        return [Outcome.DONE if id(one) in answered else Outcome.IGNORED for one in batch]


def _is_fresh(command: CheckWorkspace, now: datetime) -> bool:
    return now - command.asked_at <= ANSWERED_FOR


def answer(command: CheckWorkspace, user: Mapping[str, object] | None, workspace: Workspace | None) -> WorkspaceChecked:
    """What is so, as far as it is the user's to know."""
    role = None if user is None or workspace is None else role_of(workspace, command.user_id)
    if user is None or workspace is None or role is None:
        return WorkspaceChecked(
            installation_id=command.installation_id,
            check=command.check,
            workspace_id=command.workspace_id,
            user_id=command.user_id,
            found=False,
        )
    return WorkspaceChecked(
        installation_id=command.installation_id,
        check=command.check,
        workspace_id=command.workspace_id,
        user_id=command.user_id,
        found=True,
        workspace_version=workspace.version,
        active=workspace.active,
        role=role,
        verified=user.get("verified_at") is not None,
        two_factor=bool(user.get("two_factor")) or user.get("vouched_by") is not None,
        requires_two_factor=workspace.requires_two_factor,
        plan=workspace.plan,
        product=workspace.product,
        region=workspace.region,
    )
