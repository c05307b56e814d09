"""The add-on's installs, kept in a file of one JSON line per change, so that a restart forgets none."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

REMEMBERED_CALLS = 100  # webhook-ids per install; the marketplace repeats a call within minutes, not after so many


@dataclass(frozen=True)
class Install:
    addon: str
    addon_id: str
    workspace_id: str
    status: str = "UNKNOWN"  # ACTIVE, INACTIVE or DELETED
    # A product of your own would encrypt these at rest; the file is readable by its owner only.
    token: str | None = field(default=None, repr=False)
    webhook_tokens: dict[str, str] = field(default_factory=dict, repr=False)
    api_url: str = ""
    backend_url: str = ""
    settings: list[Any] = field(default_factory=list)
    installed_by: str | None = None
    effects: list[str] = field(default_factory=list)  # what changed this install, in order: the webhook-ids
    called_back: dict[str, Any] | None = None
    changed_at: str = ""

    def shown(self) -> dict[str, Any]:
        """Everything but the secrets."""
        secrets = {"token", "webhook_tokens"}
        return {name: value for name, value in asdict(self).items() if name not in secrets}


class Installs:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._installs: dict[tuple[str, str], Install] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                self._read(line)
        self._compact(path)
        self._file = path.open("a")

    def get(self, addon: str, addon_id: str) -> Install | None:
        return self._installs.get((addon, addon_id))

    def of(self, addon: str) -> list[Install]:
        return [install for install in self._installs.values() if install.addon == addon]

    def save(self, install: Install) -> None:
        """On disk before it returns: what was answered with 200 must survive a crash."""
        self._installs[install.addon, install.addon_id] = install
        self._file.write(json.dumps(asdict(install)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def _read(self, line: str) -> None:
        try:
            install = Install(**json.loads(line))
        except (ValueError, TypeError):
            return  # the last line of a process that was killed while writing it
        self._installs[install.addon, install.addon_id] = install

    def _compact(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.writelines(json.dumps(asdict(install)) + "\n" for install in self._installs.values())
        fresh.replace(path)
