"""Where somebody can add a workspace, and the one step back to what it was needed for. Pure."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from services.auth.domain import Account
from services.auth.settings import ProviderSettings
from services.auth.texts import refuse_foreign_path
from services.auth.workspaces.policy import Policy
from services.auth.workspaces.views import LocalWay, ProductWay, WaysToAdd

PLACE = "{id}"


def ways(
    account: Account, providers: Mapping[str, ProviderSettings], policy: Policy, return_to: str | None
) -> WaysToAdd:
    """One row for each product that the account is linked with. Raises 422 `return-to-refused`."""
    linked = dict.fromkeys(one.provider for one in account.identities if one.provider in providers)
    return WaysToAdd(
        local=LocalWay(regions=tuple(policy.regions)) if policy.local_workspaces else None,
        products=tuple(
            ProductWay(
                provider=one.id,
                label=one.label,
                product=one.product,
                region=one.region,
                create_workspace_url=one.create_workspace_url,
            )
            for one in (providers[provider_id] for provider_id in linked)
        ),
        back=None if return_to is None else back_to(return_to),
    )


def back_to(path: str) -> str:
    """The path with `workspace={id}` in its query, in the place of any that was there; a client fills in the id.

    Raises 422 `return-to-refused` for what is no path of ours.
    """
    refuse_foreign_path(path)
    parts = urlsplit(path)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "workspace"]
    query = "&".join(part for part in (urlencode(kept, quote_via=quote), f"workspace={PLACE}") if part)
    return urlunsplit(("", "", parts.path, query, parts.fragment))
