"""Where an add-on can be installed by somebody, and what they can do where it cannot. Pure.

The request for an installation is judged by the same `assess`, so a workspace shown as selectable is accepted,
and one shown with blockers is refused with the first of them.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from services.installer.web import facts
from services.installer.web.facts import Document
from services.installer.web.judging import Assessment, assess
from services.installer.web.next_steps import link, next_of
from services.installer.web.pages import Pages
from shared.contracts.catalog import Visibility
from shared.contracts.reasons import Blocker, Caution

# With role, id and what is installed, all that the judgement can depend on.
JUDGED_BY = ("active", "plan", "product", "region", "requires_two_factor")
_FACTS = itemgetter(*JUDGED_BY)


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
    person, asked, ways = facts.of_account(account), facts.of_addon(addon), Pages(addon["_id"])
    private = asked.visibility is Visibility.PRIVATE
    found, judgements = [], dict[tuple[object, ...], Assessment]()
    for workspace in workspaces:
        installation = live.get(workspace["_id"])
        role = facts.role_in(workspace, user_id)
        # Hundreds of workspaces differ in few ways, and those that do not differ are judged once.
        alike = (*_FACTS(workspace), role, installation is not None, workspace["_id"] if private else None)
        judged = judgements.get(alike)
        if judged is None:
            place = facts.of_workspace(workspace, user_id)
            judged = assess(person, place, asked, already_installed=installation is not None, will_wait=will_wait)
            judgements[alike] = judged
        if Blocker.ADDON_NOT_VISIBLE not in judged.blockers:
            found.append(_row(workspace, judged, installation, addon, ways))
    return sorted(found, key=lambda row: (not row["selectable"], row["name"].casefold(), row["workspace_id"]))


def _row(
    workspace: Document, judged: Assessment, live: Document | None, addon: Document, ways: Pages
) -> dict[str, Any]:
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
        "next": next_of(judged, (), addon=addon, workspace=workspace, live=live, ways=ways),
    }
