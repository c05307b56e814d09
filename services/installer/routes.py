"""The installer's public routes, put together; `main` adds them to the API."""

import time

from fastapi import APIRouter

from services.installer import addon_api, api, keys_api, preflight_api
from services.installer.access import Access
from services.installer.addon_access import AddOnAccess
from services.installer.addon_desk import AddOnDesk
from services.installer.asking import Asking
from services.installer.calls import Signer
from services.installer.health import Availability
from services.installer.keys import AddOnKeys
from services.installer.known import Known
from services.installer.reads import Reads
from services.installer.store import InstallationStore
from shared.plumbing.clock import Clock
from shared.plumbing.rate_limit import RateLimit

# The platform's limit for an add-on in a workspace; here it counts for each process.
ADDON_REQUESTS_PER_SECOND = 50


def routers(
    store: InstallationStore, known: Known, availability: Availability, *, keys: AddOnKeys, signer: Signer, clock: Clock
) -> list[APIRouter]:
    """All of them; users' tokens are verified by the API's `state.verifier`."""
    reads = Reads(known)
    access = Access(store, reads)
    limit = RateLimit(ADDON_REQUESTS_PER_SECOND, ADDON_REQUESTS_PER_SECOND, time.monotonic)
    return [
        api.router(Asking(store, reads, availability), access, store),
        preflight_api.router(access, reads, store, availability),
        keys_api.router(keys, access),
        addon_api.router(
            AddOnAccess(keys, store.find, access.role, issuer=signer.issuer, clock=clock, limit=limit),
            AddOnDesk(store, reads, keys, signer, clock),
        ),
    ]
