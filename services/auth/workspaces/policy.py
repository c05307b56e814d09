"""What this marketplace allows of local workspaces, by configuration."""

from collections.abc import Collection
from dataclasses import dataclass

from shared.plumbing.errors import Forbidden, Invalid


@dataclass(frozen=True, slots=True)
class Policy:
    """`regions`: those that one can choose; empty: any text of the right form."""

    local_product: str
    local_workspaces: bool
    regions: Collection[str]

    def check_creation(self, region: str) -> None:
        """Raises 403 `local-workspaces-off`, 422 `region-unknown`."""
        if not self.local_workspaces:
            raise Forbidden(
                "local-workspaces-off",
                "Workspaces are made at the product only",
                "Make it there, and it appears here by itself.",
                ways_to_add="/api/auth/v1/workspaces/ways-to-add",
            )
        self.check_region(region)

    def check_region(self, region: str) -> None:
        """No region is always a choice. Raises 422 `region-unknown`, which names those that there are."""
        if region and self.regions and region not in self.regions:
            raise Invalid("region-unknown", "There is no such region", regions=sorted(self.regions))
