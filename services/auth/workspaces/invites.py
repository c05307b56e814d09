"""Inviting people by mail, and what they make of it."""

import asyncio
from datetime import timedelta

import structlog

from services.auth.accounts.accounts import refuse_unverified
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, Change
from services.auth.texts import address_key
from services.auth.tokens import digest, link_owner, new_id, new_link_token
from services.auth.workspaces import invite_rules as rules
from services.auth.workspaces.invite import Invite, InvitedRole
from services.auth.workspaces.invite_mails import InviteMails
from services.auth.workspaces.rules import Workspace, with_members
from services.auth.workspaces.store import Workspaces
from shared.contracts.auth import Role
from shared.plumbing.clock import Clock

log = structlog.get_logger()

SWEEP_SECONDS = 3600.0
# An expired one is still shown for a while, to be sent again by one click.
KEPT_EXPIRED = timedelta(days=7)


class Invites:
    """Sends, shows, takes back and accepts invites."""

    def __init__(self, workspaces: Workspaces, users: Users, mails: InviteMails, clock: Clock, *, at_most: int) -> None:
        self._workspaces = workspaces
        self._users = users
        self._mails = mails
        self._clock = clock
        self._at_most = at_most

    async def send(self, workspace_id: str, actor_id: str, email: str, role: InvitedRole, cause: Cause) -> Invite:
        """Raises as `invite_rules.send`."""
        inviter, token, key = await self._users.get(actor_id), new_link_token(workspace_id), address_key(email)
        invitee = await self._users.by_address(key)
        # Whoever only claims the address is nobody yet.
        invitee_id = invitee.id if invitee is not None and invitee.verified else None
        invite = self._new(new_id(), actor_id, token, role).model_copy(update={"email": email, "email_key": key})

        def decide(newest: Workspace) -> Change:
            return rules.send(newest, invite, invitee_id, self._writer(inviter, token), at_most=self._at_most)

        await self._workspaces.change(workspace_id, decide, cause)
        log.info("invite_sent", workspace_id=workspace_id, invite_id=invite.id, role=role)
        return invite

    async def send_again(self, workspace_id: str, actor_id: str, invite_id: str, cause: Cause) -> Invite:
        """Raises as `invite_rules.send_again`."""
        inviter, token = await self._users.get(actor_id), new_link_token(workspace_id)
        again = self._new(invite_id, actor_id, token, Role.MEMBER)  # its role stays what it was

        def decide(newest: Workspace) -> Change:
            return rules.send_again(newest, again, self._writer(inviter, token))

        written = await self._workspaces.change(workspace_id, decide, cause)
        log.info("invite_sent_again", workspace_id=workspace_id, invite_id=invite_id)
        return rules.pending(written, invite_id)

    async def address(self, workspace_id: str, invite_id: str) -> str:
        """Whom an invite that waits is for. Raises 404 `invite-not-found`."""
        return rules.pending(await self._workspaces.get(workspace_id), invite_id).email

    async def revoke(self, workspace_id: str, actor_id: str, invite_id: str, cause: Cause) -> None:
        """Raises as `invite_rules.revoke`."""
        await self._workspaces.change(workspace_id, lambda newest: rules.revoke(newest, actor_id, invite_id), cause)
        log.info("invite_revoked", workspace_id=workspace_id, invite_id=invite_id)

    async def look(self, token: str) -> tuple[Workspace, Invite, str]:
        """What the link's holder is invited to, and the name of who did it. Uses nothing.

        Raises 404 `invite-unknown`, 410 `invite-used`, `invite-expired`, `invite-void`, 409 `workspace-archived`.
        """
        workspace, hashed = await self._behind(token)
        invite = rules.by_hash(workspace, hashed)
        rules.refuse_if_closed(workspace, invite, self._clock.now())
        names = await self._users.names([invite.invited_by])
        return workspace, invite, names.get(invite.invited_by, "")

    async def accept(self, token: str, user_id: str, cause: Cause) -> Workspace:
        """Raises as `invite_rules.accept`, and 403 `email-not-verified`."""
        account = await self._users.get(user_id)
        refuse_unverified(account)
        workspace, hashed = await self._behind(token)

        def decide(newest: Workspace) -> Change | None:
            return rules.accept(newest, hashed, account, self._clock.now())

        joined = await self._workspaces.change(workspace.id, decide, cause)
        # Written first, looked at second: a deletion of the account that met this found no member to remove.
        if await self._users.by_id(user_id, standing=True) is None:
            await self._workspaces.change(joined.id, lambda newest: _without(newest, user_id), cause)
            raise rules.invite_unknown()
        log.info("invite_accepted", workspace_id=joined.id)
        return joined

    async def decline(self, token: str, cause: Cause) -> None:
        """Raises 404 `invite-unknown`."""
        workspace, hashed = await self._behind(token)
        await self._workspaces.change(workspace.id, lambda newest: rules.decline(newest, hashed), cause)
        log.info("invite_declined", workspace_id=workspace.id)

    async def sweep(self) -> None:
        """Forget long expired invites every hour, until cancelled."""
        while True:
            try:
                await self._workspaces.forget_invites(self._clock.now() - KEPT_EXPIRED)
            except Exception as exc:  # noqa: BLE001 - the next round tries again
                log.warning("invite_sweep_failed", error=type(exc).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _behind(self, token: str) -> tuple[Workspace, str]:
        """The workspace that the link leads to, and the link's hash. Raises 404 `invite-unknown`."""
        workspace_id, hashed = link_owner(token), digest(token)
        found = await self._workspaces.of_invite(workspace_id, hashed) if workspace_id is not None else None
        if found is None:
            raise rules.invite_unknown()
        return found, hashed

    def _new(self, invite_id: str, actor_id: str, token: str, role: InvitedRole) -> Invite:
        now = self._clock.now()
        return Invite(
            id=invite_id,
            hash=digest(token),
            role=role,
            invited_by=actor_id,
            invited_at=now,
            expires_at=now + self._mails.life,
        )

    def _writer(self, inviter: Account, token: str) -> rules.Write:
        return lambda invite, workspace: self._mails.invite(invite, workspace, inviter, token, self._clock.now())


def _without(workspace: Workspace, user_id: str) -> Change:
    return with_members(workspace, [one for one in workspace.members if one.user_id != user_id])
