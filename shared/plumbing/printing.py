"""What commands print: JSON, for people and for programs."""

import json
import sys
from datetime import datetime
from typing import Any


def print_json(value: Any) -> None:
    """Write it to standard output; moments in ISO 8601, whatever JSON does not know as its text."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
