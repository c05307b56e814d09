"""What a run says at its end, for people and, in `var/chaos`, for later."""

import json
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.local.paths import VAR
from tests.chaos.evidence import Evidence
from tests.chaos.running import Result

FOLDER = VAR / "chaos"
SHOWN = 20


def told(result: Result) -> str:
    """The whole of it in lines."""
    lines = [f"  {count:4} x {kind}" for kind, count in sorted(result.done.items())]
    struck = Counter(one.hit.rpartition(" ")[2] for one in result.deeds if not one.failure and "struck" in one.kind)
    lines += [f"  {count:4} x struck by {name}" for name, count in struck.most_common()]
    lines += [f"  not run: {kind}: {why}" for kind, why in result.not_run.items()]
    lines += [f"  never done: {kind}" for kind in result.never]
    failed = Counter(one.kind for one in result.deeds if one.failure)
    lines += [f"  could not be done: {kind} ({count} x)" for kind, count in failed.items()]
    lines += [f"  {count:6} x {answer}" for answer, count in result.answers.items()]
    reasons = Counter(str(one.get("reason")) for one in result.evidence.documents if one["outcome"] == "failed")
    lines += [f"  {count:6} x failed: {reason}" for reason, count in reasons.most_common()]
    if result.left:
        lines.append(f"  left after the quiet time: {result.left}")
    lines += [f"  {violation}" for violation in result.violations[:SHOWN]]
    if len(result.violations) > SHOWN:
        lines.append(f"  and {len(result.violations) - SHOWN} violations more")
    return "\n".join([*lines, summary(result)])


def good(result: Result, at_least: int, within: float = 0) -> bool:
    """Whether every promise was kept, in a run that shows something: so many faults, each kind, in so many seconds."""
    short = bool(at_least) and (result.done.total() < at_least or bool(result.never))
    long = bool(within) and result.seconds > within
    return not (result.violations or result.left or short or long)


def summary(result: Result) -> str:
    """One line."""
    found = figures(result)
    verdicts = " ".join(f"{name} {found[name]}" for name in ("lost", "doubled", "stranded", "broken"))
    return (
        f"seed {result.seed}: {found['installs']} installs ({found['installed']} installed, {found['failed']} failed), "
        f"{found['faults']} faults of {found['kinds']} kinds in {result.seconds:.0f} s: {verdicts}"
    )


def figures(result: Result) -> dict[str, Any]:
    """What the table of runs holds."""
    verdicts = Counter(one.verdict for one in result.violations)
    outcomes = Counter(one["outcome"] for one in result.evidence.documents)
    return {
        "seed": result.seed,
        "installs": len(result.evidence.documents),
        "installed": outcomes["installed"],
        "failed": outcomes["failed"],
        "faults": result.done.total(),
        "kinds": len(result.done),
        "not_run": list(result.not_run),
        "never": result.never,
        "left": result.left,
        "seconds": round(result.seconds),
        **{name: verdicts[name] for name in ("lost", "doubled", "stranded", "broken")},
    }


def keep(result: Result) -> Path:
    """Figures, faults, violations and the evidence, as JSON."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{int(time.time())}-seed-{result.seed}.json"
    kept = figures(result) | {
        "deeds": [asdict(one) for one in result.deeds],
        "violations": [asdict(one) for one in result.violations],
        "evidence": _plain(result.evidence),
    }
    path.write_text(json.dumps(kept, default=_text))
    return path


def _plain(evidence: Evidence) -> dict[str, Any]:
    return asdict(evidence)


def _text(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
