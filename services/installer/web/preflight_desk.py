"""Gathers what preflight answers from the projections, in as few round trips as it takes."""

import asyncio
from typing import Any

from services.installer.delivery.health import Availability
from services.installer.store import InstallationStore
from services.installer.web import guidance, preflight, refusals
from services.installer.web.judging import MUST_ACKNOWLEDGE
from services.installer.web.reads import Found, Reads
from shared.contracts.catalog import Visibility
from shared.plumbing.mongo import Document


class PreflightDesk:
    """Looks, judges nothing itself, and keeps nothing."""

    def __init__(self, reads: Reads, store: InstallationStore, availability: Availability) -> None:
        self._reads = reads
        self._store = store
        self._availability = availability

    async def preflight(self, user_id: str, addon_key: str, chosen_id: str | None) -> dict[str, Any]:
        """See `preflight_views.Preflight`.

        Raises NotFound `account-not-known-yet`, `account-not-found`, `addon-not-known-yet`, `addon-not-found`.
        """
        account, addon, places = await asyncio.gather(
            self._reads.account(user_id), self._reads.addon(addon_key), self._reads.administered(user_id)
        )
        if account is None:
            raise refusals.not_known_yet("account")
        if account.get("deleted"):
            raise refusals.account_not_found()
        if addon is None:
            raise refusals.not_known_yet("addon")
        if addon.get("deleted"):
            raise refusals.addon_not_found()
        waiting = self._availability.unavailable(addon_key) is not None
        live = await self._store.live(addon_key, [place["_id"] for place in places]) if places else {}
        found = preflight.rows(user_id, account, addon, places, live, will_wait=waiting)
        hidden = not found and addon["visibility"] == Visibility.PRIVATE
        if hidden and not await self._reads.is_in_one_of(addon["visible_to"], user_id):
            raise refusals.not_known_yet("addon")  # as if it did not exist; a plain member may know of it
        joined = [] if found else await self._reads.joined(user_id)
        following, alternatives = guidance.next_for(account, addon, found, is_member=bool(joined))
        chosen = None
        if chosen_id is not None:
            place = next((one for one in places if one["_id"] == chosen_id), None)
            asked = Found(account, place or await self._reads.workspace(chosen_id, user_id), addon)
            problem = refusals.of_request(asked, user_id, MUST_ACKNOWLEDGE, live=live.get(chosen_id), will_wait=waiting)
            if place is None and problem is None:
                # It came while we were looking: what can be chosen is among the rows, so look at all of them again.
                return await self.preflight(user_id, addon_key, chosen_id)
            row = next((one for one in found if one["workspace_id"] == chosen_id), None)
            chosen = guidance.chosen(chosen_id, problem, addon, row and row["next"])
        return {
            "addon": addon_key,
            "addon_name": addon["name"],
            "verified": account["verified"],
            "two_factor": account["two_factor"],
            "workspaces": found,
            "chosen": chosen,
            "member_of": [_place(one) for one in joined],
            "next": following,
            "alternatives": alternatives,
        }


def _place(workspace: Document) -> dict[str, Any]:
    return {
        "workspace_id": workspace["_id"],
        "name": workspace["name"],
        "provider": workspace["provider"],
        "product": workspace["product"],
        "region": workspace["region"],
    }
