"""What is said about a manifest: findings that a publisher can act on without reading anything else."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.rules.manifest import Manifest

Path = tuple[str | int, ...]
"""Keys and indexes that lead from the manifest to a value in it."""

GIVEN_MAX_CHARS = 200
_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]{0,59}", re.ASCII)


class Level(StrEnum):
    """Errors refuse the manifest; warnings only tell."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ManifestError:
    """One finding."""

    field: str
    """Where, such as `webhooks[3].event`; `manifest` for the whole."""
    rule: str
    """Stable short name of the broken rule."""
    message: str
    """A sentence: the field, the rule, what was allowed, what was given."""
    given: str | None = None
    """What was given, as JSON, cut to 200 characters; None if nothing was."""
    level: Level = Level.ERROR


@dataclass(frozen=True, slots=True)
class ManifestReport:
    """The verdict on one manifest."""

    version: str | None
    """Version that it was judged by; None if that could not be told."""
    errors: tuple[ManifestError, ...]
    warnings: tuple[ManifestError, ...]
    truncated: bool
    """Whether there is more to find than was listed."""
    manifest: Manifest | None
    """The view of it; None if there are errors."""
    raw: dict[str, Any] | None = None
    """The JSON as given; None if there are errors."""

    @property
    def accepted(self) -> bool:
        """Whether the add-on may be published with this manifest."""
        return not self.errors


def shown(value: object, limit: int = GIVEN_MAX_CHARS) -> str:
    """`value` as JSON text of at most `limit` characters that any encoder takes, lone surrogates included."""
    text = json.dumps(value, ensure_ascii=False, default=repr)[: limit + 1]
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def field_name(path: Path) -> str:
    """`("webhooks", 3, "event")` as `webhooks[3].event`."""
    name = ""
    for step in path:
        if isinstance(step, int):
            name += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            name += f".{step}" if name else step
        else:
            name += f"[{shown(step, 60)}]"
    return name or "manifest"
