"""Inputs set aside in a document whose schema is newer than this process, for a process that knows it.

During a rolling upgrade an older process still receives messages and call results for documents that a newer one
has written. It decides nothing about them; it leaves the input in the document, due at once.
"""

from datetime import timedelta

from services.installer.domain import Kind
from services.installer.saga.inputs import Answer, CallReported, Checked, CheckSent, Input, Result, Surroundings
from shared.contracts.auth import WorkspaceChecked
from shared.contracts.reasons import Side
from shared.plumbing.mongo import Document


def park(message: Input) -> Document | None:
    """The input as part of a document; None for inputs that come again by themselves or whose sender gets an error."""
    if isinstance(message, Checked):
        return {"type": "Checked", "id": message.message_id, "answer": message.answer.model_dump_json()}
    if isinstance(message, CheckSent):
        return {"type": "CheckSent", "number": message.number}
    if isinstance(message, CallReported):
        answer = message.answer
        return {
            "type": "CallReported",
            "kind": message.kind,
            "number": message.number,
            "attempt": message.attempt,
            "result": answer.result,
            "side": answer.side,
            "status": answer.status,
            "text": answer.text,
            "ms": answer.duration / timedelta(milliseconds=1),
            "retry_after": answer.retry_after and answer.retry_after.total_seconds(),
        }
    return None


def unpark(parked: Document, around: Surroundings) -> Input | None:
    """The input again; None for a type that this release does not know."""
    match parked["type"]:
        case "Checked":
            return Checked(parked["id"], WorkspaceChecked.model_validate_json(parked["answer"]), around)
        case "CheckSent":
            return CheckSent(parked["number"])
        case "CallReported":
            answer = Answer(
                result=Result(parked["result"]),
                side=parked["side"] and Side(parked["side"]),
                status=parked["status"],
                text=parked["text"],
                duration=timedelta(milliseconds=parked["ms"]),
                retry_after=None if parked["retry_after"] is None else timedelta(seconds=parked["retry_after"]),
            )
            return CallReported(Kind(parked["kind"]), parked["number"], parked["attempt"], answer)
        case _:
            return None
