"""Release the present schemas: `python -m tests.contracts.release`.

Writes `released/<type>.v<n>.json` for every message, and refuses when a released one would break.
"""

import json
import sys
from pathlib import Path
from typing import Any

from shared.contracts.envelope import Message
from shared.contracts.registry import ALL_MESSAGES
from tests.contracts.compatibility import breaking_changes

RELEASED = Path(__file__).parent / "released"


def released_file(message: type[Message]) -> Path:
    """Where the released schema of this type and version is."""
    return RELEASED / f"{message.type_name()}.v{message.schema_version}.json"


def schema_of(message: type[Message]) -> dict[str, Any]:
    """What the wire form looks like: defaults written, so every field is there."""
    return message.model_json_schema(mode="validation")


def main() -> None:
    broken = []
    for message in ALL_MESSAGES:
        path = released_file(message)
        if path.exists():
            broken += breaking_changes(json.loads(path.read_text()), schema_of(message))
    if broken:
        sys.exit("These changes need a new version:\n" + "\n".join(broken))
    RELEASED.mkdir(exist_ok=True)
    for message in ALL_MESSAGES:
        released_file(message).write_text(json.dumps(schema_of(message), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
