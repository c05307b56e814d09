"""Accounts with a password of ours, where there are any."""

from fastapi import Depends, Request

from shared.plumbing.errors import Forbidden


def _require_local_accounts(request: Request) -> None:
    """Needs `app.state.local_accounts`. Raises 403 `local-accounts-off`."""
    if not request.app.state.local_accounts:
        raise Forbidden("local-accounts-off", "There are no passwords here", "Log in with your product.")


LOCAL_ONLY = [Depends(_require_local_accounts)]
"""For routes that make or use a password."""
