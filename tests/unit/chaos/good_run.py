"""The evidence of a run that kept all promises, made up."""

from typing import Any

from tests.chaos.checker import EVENTS
from tests.chaos.evidence import Asked, Call, Evidence, Mail, Shown, Told

ADA = "a" * 24
ONE, TWO, BAD = "1" * 24, "2" * 24, "3" * 24


def document(name: str, **more: Any) -> dict[str, Any]:
    ended = {"state": "INSTALLED", "outcome": "installed", "cleanup": "none", "live": True, "generation": 1, "seq": 2}
    return {"_id": name, "workspace_id": "w", "addon_key": name, "user_id": ADA, "version": 5} | ended | more


def told(name: str, seq: int, kind: str, offset: int, **more: Any) -> Told:
    return Told(EVENTS, 0, offset, f"{name}:{seq}", kind, seq, {"installation_id": name} | more)


def call(name: str, kind: str, number: int, at: float, status: int | None = 200) -> Call:
    return Call(name, kind, f"{name}-{kind}-{number}", "bytes", at, status, at + 0.1)


def good() -> Evidence:
    """ONE is installed; TWO was installed and removed; BAD was refused after an attempt that may have been seen."""
    evidence = Evidence(addresses={ADA: "ada@x"})
    evidence.asked = [Asked("install", ADA, 202, name, f"key-{name}") for name in (ONE, TWO, BAD)]
    evidence.asked += [Asked("install", ADA, 0, "", f"key-{ONE}"), Asked("uninstall", ADA, 202, TWO)]
    evidence.documents = [
        document(ONE),
        document(TWO, state="UNINSTALLED", cleanup="closed", live=False, seq=3),
        document(BAD, state="FAILED", outcome="failed", cleanup="closed", live=False, reason="addon-refused"),
    ]
    ends = {ONE: ["AddOnInstalled"], TWO: ["AddOnInstalled", "AddOnUninstalled"], BAD: ["InstallFailed"]}
    for name, kinds in ends.items():
        for seq, kind in enumerate(["InstallRequested", *kinds], start=1):
            evidence.told.append(told(name, seq, kind, len(evidence.told)))
    evidence.told.append(told(ONE, 1, "InstallRequested", 99))  # a duplicate, after its successor
    evidence.calls = [
        *(call(ONE, "INSTALLED", 1, 1.0), call(TWO, "INSTALLED", 1, 0.5), call(TWO, "DELETED", 2, 5.0)),
        *(call(BAD, "INSTALLED", 1, 1.0, None), call(BAD, "INSTALLED", 1, 2.0, 403), call(BAD, "DELETED", 2, 3.0)),
    ]
    evidence.mails = [Mail("ada@x", "<1>", frozenset({ONE, TWO})), Mail("ada@x", "<2>", frozenset({BAD}))]
    evidence.mails.append(evidence.mails[0])  # the server was told twice
    for one in evidence.documents:
        shown = Shown(one["seq"], one["state"], one["outcome"])
        evidence.states[one["_id"]] = {1: {Shown(1, "REQUESTED", "pending")}, 5: {shown}}
        evidence.snapshot[one["_id"]] = shown
    evidence.feed = [(one.id, one.installation, one.seq) for one in evidence.told]
    return evidence


def change(evidence: Evidence, name: str, **fields: Any) -> None:
    evidence.documents = [{**one, **fields} if one["_id"] == name else one for one in evidence.documents]
