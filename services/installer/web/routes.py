"""The installer's public routes, put together; `main` adds them to the API."""

import time

from fastapi import APIRouter

from services.installer import api
from services.installer.addons import api as addon_api
from services.installer.addons import keys_api, rotation_api
from services.installer.addons.access import AddOnAccess
from services.installer.addons.desk import AddOnDesk
from services.installer.addons.keys import AddOnKeys
from services.installer.addons.listings import AddOns
from services.installer.addons.rotation_store import RotationStore
from services.installer.delivery.health import Availability
from services.installer.delivery.prepared import Signer
from services.installer.known import Known
from services.installer.store import InstallationStore
from services.installer.web import deliveries, moving_api, preflight_api
from services.installer.web.access import Access
from services.installer.web.asking import Asking
from services.installer.web.preflight_desk import PreflightDesk
from services.installer.web.reads import Reads
from shared.plumbing.clock import Clock
from shared.plumbing.rate_limit import RateLimit

# The platform's limit for an add-on in a workspace; here it counts for each process.
ADDON_REQUESTS_PER_SECOND = 50
# Calls asked for by hand, for one installation in one process: per second on average, and at once.
REDELIVERIES = (0.1, 6)


def routers(
    store: InstallationStore,
    known: Known,
    availability: Availability,
    *,
    addons: AddOns,
    keys: AddOnKeys,
    rotations: RotationStore,
    signer: Signer,
    clock: Clock,
    changes_per_minute: int,
) -> list[APIRouter]:
    """All of them; users' tokens are verified by the API's `state.verifier`."""
    reads = Reads(known)
    access = Access(store, reads)
    limit = RateLimit(ADDON_REQUESTS_PER_SECOND, ADDON_REQUESTS_PER_SECOND, time.monotonic)
    changes = RateLimit(changes_per_minute / 60, 10 * changes_per_minute, time.monotonic)
    return [
        api.router(Asking(store, reads, availability), access, store, changes),
        moving_api.router(access, store, addons, changes),
        deliveries.router(access, store, changes, RateLimit(*REDELIVERIES, time.monotonic)),
        preflight_api.router(PreflightDesk(reads, store, availability), access, availability),
        keys_api.router(keys, access),
        rotation_api.router(keys, rotations, store, access, changes),
        addon_api.router(
            AddOnAccess(keys, store.find, access.role, issuer=signer.issuer, clock=clock, limit=limit),
            AddOnDesk(store, reads, keys, signer, clock),
        ),
    ]
