"""What somebody's press of a button became, as they are told it."""

from collections.abc import Sequence

from services.installer.saga.inputs import Input, Verdict
from services.installer.store import InstallationStore
from services.installer.web import refusals, showing
from services.installer.web.views import InstallationView
from shared.plumbing.errors import Conflict

_TOLD = ("id", "state", "outcome")


async def decided(
    store: InstallationStore,
    installation_id: str,
    message: Input,
    *,
    slug: str,
    title: str,
    detail: str | None = None,
    told: Sequence[str] = _TOLD,
) -> InstallationView:
    """The installation after `message`. Raises 404 `installation-not-found`, and 409 `slug` where it is not allowed.

    The conflict carries the fields `told` of the installation as it is.
    """
    decision = await store.ask(installation_id, message)
    if decision is None:
        raise refusals.installation_not_found()
    shown = showing.installation(decision.installation)
    if decision.verdict is Verdict.NOT_ALLOWED:
        raise Conflict(slug, title, detail, installation={name: shown[name] for name in told})
    return InstallationView(**shown)
