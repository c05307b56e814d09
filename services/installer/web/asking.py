"""Asking for an installation: the rules first, then one insert. Works without Kafka.

Concurrent requests share the round trips of both, so the price of one falls as the load rises.
"""

from services.installer.delivery.health import Availability
from services.installer.domain import Installation, Workspace, installation_id
from services.installer.saga.inputs import InstallAsked
from services.installer.store import AlreadyLive, InstallationStore, Present
from services.installer.web import refusals
from services.installer.web.bodies import InstallRequest
from services.installer.web.reads import Found, Question, Reads
from shared.contracts.auth import Plan, Role
from shared.plumbing.errors import Problem
from shared.plumbing.mongo import Document


class Asking:
    """Accepts or refuses requests."""

    def __init__(self, store: InstallationStore, reads: Reads, availability: Availability) -> None:
        self._store = store
        self._reads = reads
        self._availability = availability

    async def ask(
        self, user_id: str, key: str, body: InstallRequest, correlation_id: str, traceparent: str | None
    ) -> Installation:
        """The new installation, or the one that an earlier request with this key made.

        Raises a Problem (see `refusals.py`); then nothing was written.
        """
        found = await self._reads.about(Question(user_id, body.workspace_id, body.addon_key))
        problem = self._refusal(found, user_id, body, None)
        if problem is not None or found.workspace is None or found.addon is None:
            return await self._refused(found, user_id, key, body)
        outcome = await self._store.insert_requested(
            InstallAsked(
                user_id=user_id,
                idempotency_key=key,
                request=body.digest(),
                workspace_id=body.workspace_id,
                workspace=_workspace(found.workspace),
                addon_key=body.addon_key,
                addon_name=found.addon["name"],
                if_unavailable=body.if_unavailable,
                acknowledged=tuple(sorted(set(body.acknowledge))),
                correlation_id=correlation_id,
                traceparent=traceparent,
            )
        )
        if isinstance(outcome, AlreadyLive):
            raise refusals.already_installed({"_id": outcome.installation_id, "state": outcome.state})
        return _repeated(outcome, body) if isinstance(outcome, Present) else outcome.installation

    async def _refused(self, found: Found, user_id: str, key: str, body: InstallRequest) -> Installation:
        """What was accepted once stays accepted; only a new request is refused, by all that stands in its way."""
        present = await self._store.find(installation_id(user_id, key))
        if present is not None:
            return _repeated(Present(present), body)
        live = await self._store.live(body.addon_key, [body.workspace_id])
        problem = self._refusal(found, user_id, body, live.get(body.workspace_id))
        raise problem or refusals.not_known_yet("workspace")

    def _refusal(self, found: Found, user_id: str, body: InstallRequest, live: Document | None) -> Problem | None:
        will_wait = self._availability.unavailable(body.addon_key) is not None
        return refusals.of_request(found, user_id, body.acknowledge, live=live, will_wait=will_wait)


def _repeated(present: Present, body: InstallRequest) -> Installation:
    if present.installation.request != body.digest():
        raise refusals.key_reused()
    return present.installation


def _workspace(document: Document) -> Workspace:
    owners = [admin["user_id"] for admin in document["admins"] if admin["role"] == Role.OWNER]
    return Workspace(
        owner_id=owners[0] if owners else "",
        region=document["region"],
        product=document["product"],
        plan=Plan(document["plan"]),
        version=document["version"],
    )
