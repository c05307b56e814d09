"""What installations are surrounded by at this moment, gathered for many at once, and the slots offered to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from services.installer.addons.listings import AddOns
from services.installer.delivery.health import Availability
from services.installer.delivery.slots import Slots
from services.installer.domain import ENDED, Installation, Kind, lane_of
from services.installer.saga.inputs import Lease, Surroundings
from services.installer.storage.queries import DueItem, InstallationQueries
from shared.contracts.installer import State
from shared.contracts.reasons import WaitingFor
from shared.plumbing.clock import Clock

_ENTERING = (State.REQUESTED, State.CHECKING, State.WAITING)


@dataclass(slots=True)
class Outlook:
    """By installation id."""

    around: dict[str, Surroundings] = field(default_factory=dict)
    offered: dict[str, str] = field(default_factory=dict)
    """Lanes in which a slot was taken; whoever asked for the outlook uses it or gives it back."""


class Lookout:
    """Looks around on behalf of one process, `owner` of the leases that it offers."""

    def __init__(
        self,
        queries: InstallationQueries,
        addons: AddOns,
        availability: Availability,
        clock: Clock,
        *,
        owner: str,
        slots: Slots,
        lease: timedelta,
    ) -> None:
        self._queries = queries
        self._addons = addons
        self._availability = availability
        self._clock = clock
        self._owner = owner
        self._slots = slots
        self._lease = lease

    async def around(self, ones: Sequence[DueItem | Installation], *, probing: str | None = None) -> Outlook:
        """Look around: for due items, or for installations whose check is answered.

        `probing` is the one that may call an add-on whose breaker is open.
        """
        # Only the way into delivering depends on the add-on's present listing and on earlier generations. An answer
        # of auth's that is parked in the document of a due item leads there too.
        entering = [one for one in ones if isinstance(one, Installation) or one.state in _ENTERING]
        addons = await self._addons.now({one.addon_key for one in entering})
        unfinished = await self._queries.open_before(entering)
        lease = Lease(self._owner, self._clock.now() + self._lease)
        outlook = Outlook()
        for one in ones:
            unavailable = self._availability.unavailable(one.addon_key)
            probe = one.id == probing
            hindered = one.id in unfinished or (
                one.state not in ENDED and unavailable is not None and not (probe and unavailable is WaitingFor.ADDON)
            )
            offer = not hindered and one.id not in outlook.offered and self._take(one, outlook)
            outlook.around[one.id] = Surroundings(
                addon=addons.get(one.addon_key),
                unavailable=unavailable,
                previous_open=one.id in unfinished,
                lease=lease if offer else None,
                probe=probe,
            )
        return outlook

    def _take(self, one: DueItem | Installation, outlook: Outlook) -> bool:
        lane = lane_of(one.addon_key, Kind.INSTALLED) if isinstance(one, Installation) else one.lane
        if not lane or not self._slots.take(lane):
            return False
        outlook.offered[one.id] = lane
        return True
