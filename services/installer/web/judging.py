"""What stands between a workspace and an add-on: the one judgement behind preflight and request. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from shared.contracts.reasons import Blocker, Caution
from shared.rules.install import AccountFacts, AddOnFacts, WorkspaceFacts, blockers, cautions

MUST_ACKNOWLEDGE = frozenset({Caution.REGION})
REGION_NOT_ACKNOWLEDGED = "region-not-acknowledged"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What stands between a workspace and the add-on."""

    blockers: tuple[Blocker, ...]
    cautions: tuple[Caution, ...]
    to_acknowledge: tuple[Caution, ...]
    """The cautions that a request has to name."""

    def missing(self, acknowledged: Collection[str]) -> list[Caution]:
        """The cautions that a request which acknowledges this much still has to name."""
        return [caution for caution in self.to_acknowledge if caution not in acknowledged]

    def refusal(self, acknowledged: Collection[str]) -> str | None:
        """The slug that refuses a request which acknowledges this much; None: it is accepted."""
        if self.blockers:
            return self.blockers[0].value
        return REGION_NOT_ACKNOWLEDGED if self.missing(acknowledged) else None


def assess(
    account: AccountFacts, workspace: WorkspaceFacts, addon: AddOnFacts, *, already_installed: bool, will_wait: bool
) -> Assessment:
    """All that preflight shows of a workspace, and that a request for it is judged by."""
    warned = cautions(workspace, will_wait=will_wait)
    return Assessment(
        blockers(account, workspace, addon, already_installed=already_installed),
        warned,
        tuple(caution for caution in warned if caution in MUST_ACKNOWLEDGE),
    )
