"""Figures from many values: percentiles, and tables of medians."""

import statistics
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def percentile(values: Sequence[float], which: int) -> float:
    """Of seconds, in milliseconds."""
    if len(values) < 2:  # noqa: PLR2004 - quantiles need two
        return 0.0
    return 1000 * statistics.quantiles(values, n=100, method="inclusive")[which - 1]


def spread(rows: Sequence[Row], key: str, digits: int = 0) -> str:
    """Median (min..max)."""
    values = [row[key] for row in rows]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """As the documentation has it."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)
