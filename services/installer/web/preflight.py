"""Where an add-on can be installed by somebody, and what they can do where it cannot. Pure.

The request for an installation is judged by the same `assess`, so a workspace shown as selectable is accepted,
and one shown with blockers is refused with the first of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.installer.web import facts
from services.installer.web.facts import Document
from services.installer.web.next_steps import Action, link, next_of, step
from shared.contracts.reasons import Blocker, Caution
from shared.rules.install import AccountFacts, AddOnFacts, WorkspaceFacts, blockers, cautions

MUST_ACKNOWLEDGE = frozenset({Caution.REGION})
REGION_NOT_ACKNOWLEDGED = "region-not-acknowledged"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What stands between a workspace and the add-on."""

    blockers: tuple[Blocker, ...]
    cautions: tuple[Caution, ...]

    @property
    def to_acknowledge(self) -> tuple[Caution, ...]:
        """The cautions that a request has to name."""
        return tuple(caution for caution in self.cautions if caution in MUST_ACKNOWLEDGE)

    def refusal(self, acknowledged: Collection[str]) -> str | None:
        """The slug that refuses a request which acknowledges this much; None: it is accepted."""
        if self.blockers:
            return self.blockers[0].value
        return None if set(self.to_acknowledge) <= set(acknowledged) else REGION_NOT_ACKNOWLEDGED


def assess(
    account: AccountFacts, workspace: WorkspaceFacts, addon: AddOnFacts, *, already_installed: bool, will_wait: bool
) -> Assessment:
    """The one judgement behind preflight and request."""
    return Assessment(
        blockers(account, workspace, addon, already_installed=already_installed),
        cautions(workspace, will_wait=will_wait),
    )


def rows(
    user_id: str,
    account: Document,
    addon: Document,
    workspaces: Sequence[Document],
    live: Mapping[str, Document],
    *,
    will_wait: bool,
) -> list[dict[str, Any]]:
    """One row for each workspace: first what can be chosen, then by name.

    A workspace for which the add-on does not exist (a private one) has none. `live` holds the add-on's live
    installation by workspace id.
    """
    person, asked = facts.of_account(account), facts.of_addon(addon)
    found = []
    for workspace in workspaces:
        installation = live.get(workspace["_id"])
        place = facts.of_workspace(workspace, user_id)
        judged = assess(person, place, asked, already_installed=installation is not None, will_wait=will_wait)
        if Blocker.ADDON_NOT_VISIBLE not in judged.blockers:
            found.append(_row(workspace, judged, installation, addon))
    return sorted(found, key=lambda row: (not row["selectable"], row["name"].casefold(), row["workspace_id"]))


def _row(workspace: Document, judged: Assessment, live: Document | None, addon: Document) -> dict[str, Any]:
    selectable = not judged.blockers
    return {
        "workspace_id": workspace["_id"],
        "name": workspace["name"],
        "provider": workspace["provider"],
        "product": workspace["product"],
        "region": workspace["region"],
        "plan": workspace["plan"],
        "selectable": selectable,
        "will_wait": selectable and Caution.WILL_WAIT in judged.cautions,
        "blockers": judged.blockers,
        "warnings": judged.cautions,
        "acknowledge": judged.to_acknowledge,
        "installation": None if live is None else link(live),
        "next": next_of(judged.blockers, live, addon),
    }


def next_for(account: Document, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the visitor can do next, all workspaces considered."""
    if not account["verified"]:
        return step(Action.VERIFY_EMAIL)
    if not found:
        return step(Action.ADD_WORKSPACE)
    if found[0]["selectable"]:
        return step(Action.CHOOSE_WORKSPACE)
    followed = {row["next"]["action"] for row in found}
    return found[0]["next"] if len(followed) == 1 else step(Action.ADD_WORKSPACE)
