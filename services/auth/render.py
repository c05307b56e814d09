"""What other services may know of an account or workspace: the state records."""

from collections.abc import Callable

from services.auth.accounts.mails import Mails
from services.auth.domain import Account
from services.auth.store import SOURCE
from services.auth.workspaces.rules import state_of
from shared.contracts.auth import AccountChanged
from shared.contracts.envelope import Envelope, StateMessage
from shared.plumbing.clock import Clock
from shared.plumbing.mongo import Document

Render = Callable[[Document], Envelope[StateMessage]]


def accounts(mails: Mails, clock: Clock) -> Render:
    """Renders a user document."""

    def render(document: Document) -> Envelope[StateMessage]:
        if document.get("deleted_at") is not None:
            gone = AccountChanged(user_id=document["_id"], version=document["version"], deleted=True)
            return _envelope(document, gone, clock)
        account = Account.model_validate(document)
        state = AccountChanged(
            user_id=account.id,
            version=account.version,
            verified=account.verified,
            two_factor=account.protected,
            locale=account.locale,
            display_name=account.display_name,
            sealed_address=mails.sealed_address(account.email, clock.now()),
        )
        return _envelope(document, state, clock)

    return render


def workspaces(clock: Clock) -> Render:
    """Renders a workspace document."""
    return lambda document: _envelope(document, state_of(document), clock)


def _envelope(document: Document, state: StateMessage, clock: Clock) -> Envelope[StateMessage]:
    # The id names the version, so a repetition is recognised; the time is that of the sending.
    name = f"{document['_id']}:v{document['version']}"
    # Documents of before it was kept have no cause; until their next change the record stands for itself.
    cause = document.get("cause", {})
    return Envelope(
        id=name,
        source=SOURCE,
        subject=document["_id"],
        time=clock.now(),
        data=state,
        correlation_id=cause.get("correlation_id", name),
        causation_id=cause.get("correlation_id"),
        traceparent=cause.get("traceparent"),
    )
