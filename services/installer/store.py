"""Installations in MongoDB. The only file here that speaks to the driver."""

from collections.abc import Collection as Set
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.installer.domain import Installation
from services.installer.messages import Decision, Input, InstallAsked
from shared.contracts.installer import State
from shared.plumbing.mongo import Document


@dataclass(frozen=True, slots=True)
class Inserted:
    """The request was new."""

    installation: Installation


@dataclass(frozen=True, slots=True)
class Present:
    """The same caller used the same idempotency key before: this is what came of it. Compare `request`."""

    installation: Installation


@dataclass(frozen=True, slots=True)
class AlreadyLive:
    """Another installation of this add-on lives in this workspace."""

    installation_id: str
    state: str


class InstallationStore:
    """Reads and writes of the collection `installations`.

    Writes come from the API (one by one, gathered by group commit) and from the worker (in batches); both run
    the same batch step. Every method raises the driver's errors.
    """

    async def prepare(self) -> None:
        """Create the indexes."""
        raise NotImplementedError

    async def insert_requested(self, asked: InstallAsked) -> Inserted | Present | AlreadyLive:
        """Store a new request with its first messages, as the next generation of this add-on in this workspace.

        Gathers concurrent callers into one round trip and hands the outbox to the relay.
        """
        raise NotImplementedError

    async def find(self, installation_id: str) -> Installation | None:
        """One installation."""
        raise NotImplementedError

    async def live(self, addon_key: str, workspace_ids: Sequence[str]) -> dict[str, Document]:
        """`{"_id", "state"}` of the add-on's live installation by workspace id."""
        raise NotImplementedError

    async def by_workspace(
        self, workspace_id: str, *, after: tuple[datetime, str] | None = None, limit: int = 50, state: State | None = None
    ) -> list[Installation]:
        """Newest request first. `after` is (`requested_at`, `id`) of the last one of the page before."""
        raise NotImplementedError

    async def by_addon(
        self, addon_key: str, *, after: tuple[datetime, str] | None = None, limit: int = 50, state: State | None = None
    ) -> list[Installation]:
        """As `by_workspace`, for publishers and operators."""
        raise NotImplementedError

    async def ask(self, installation_id: str, message: Input) -> Decision | None:
        """Apply one input (cancel, retry, uninstall, redelivery); gathers concurrent callers. None: no such one."""
        raise NotImplementedError

    async def apply(self, inputs: Sequence[tuple[str, Input]]) -> list[Decision | None]:
        """The batch step: decide each input on its installation, in order, and write by compare-and-set.

        Returns each input's decision as it was written; None where there is no such installation.
        """
        raise NotImplementedError

    async def older_history(self, installation_id: str) -> list[dict[str, Any]]:
        """Timeline entries that no longer fit into the document, oldest first. See `history.py`."""
        raise NotImplementedError

    async def manifest(self, addon_key: str, manifest_version: int) -> dict[str, Any] | None:
        """The whole manifest that an installation's snapshot was taken from; it never changes."""
        raise NotImplementedError

    async def kids_in_use(self) -> Set[str]:
        """Signing keys that a live installation or an unfinished call names."""
        raise NotImplementedError
