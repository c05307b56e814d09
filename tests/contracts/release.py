"""Release the present schemas: `python -m tests.contracts.release`.

Writes `released/<type>.v<n>.json` for every message, and the digest of every new golden example. Refuses when what
is released already would break, has lost its message, or was edited.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shared.contracts.envelope import Message
from shared.contracts.registry import ALL_MESSAGES
from tests.contracts.compatibility import breaking_changes
from tests.contracts.golden import EXAMPLES

RELEASED = Path(__file__).parent / "released"
DIGESTS = EXAMPLES / "released.sha256"
"""As `sha256sum --check` reads it."""


def file_name(message: type[Message]) -> str:
    """Of the released schema, and of the golden example."""
    return f"{message.type_name()}.v{message.schema_version}.json"


def released_file(message: type[Message]) -> Path:
    """Where the released schema of this type and version is."""
    return RELEASED / file_name(message)


def schema_of(message: type[Message]) -> dict[str, Any]:
    """What the wire form looks like: defaults written, so every field is there."""
    return message.model_json_schema(mode="validation")


def forgotten(folder: Path, messages: Iterable[type[Message]]) -> list[str]:
    """Files in `folder` of which there is no message any more: its records are still on the topic."""
    known = {file_name(message) for message in messages}
    return sorted(f"{path.name} has no message" for path in folder.glob("*.json") if path.name not in known)


def edited(folder: Path, digests: str) -> list[str]:
    """Golden examples in `folder` that are not what was released."""
    released = {name: digest for digest, name in (line.split() for line in digests.splitlines())}
    present = {path.name: digest_of(path) for path in folder.glob("*.json")}
    return [f"{name} was edited or is gone" for name, digest in released.items() if present.get(name) != digest]


def digest_of(path: Path) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    broken = forgotten(RELEASED, ALL_MESSAGES)
    for message in ALL_MESSAGES:
        path = released_file(message)
        if path.exists():
            broken += breaking_changes(json.loads(path.read_text()), schema_of(message))
    broken += edited(EXAMPLES, DIGESTS.read_text())
    if broken:
        sys.exit("These changes need a new version:\n" + "\n".join(broken))
    RELEASED.mkdir(exist_ok=True)
    for message in ALL_MESSAGES:
        released_file(message).write_text(json.dumps(schema_of(message), indent=1, sort_keys=True) + "\n")
    lines = [f"{digest_of(path)}  {path.name}\n" for path in sorted(EXAMPLES.glob("*.json"))]
    DIGESTS.write_text("".join(lines))


if __name__ == "__main__":
    main()
