"""What calls are made with, changed after delivering began: by a newer manifest that is let count, or by an operator.

Until one of both, all calls of an installation use the snapshot that was taken as delivering began.
"""

from dataclasses import replace

from services.installer.domain import ENDED, Kind
from services.installer.saga import ending
from services.installer.saga.draft import Draft, Step
from services.installer.saga.inputs import BaseUrlMoved, ManifestApplied, Verdict
from shared.contracts.installer import State


def apply_manifest(draft: Draft, message: ManifestApplied) -> Verdict:
    """The manifest counts from now on: its rights at once, and INSTALLED tells the add-on, as a new call."""
    one = draft.one
    if one.state is not State.INSTALLED or one.snapshot is None:
        return Verdict.NOT_ALLOWED
    if message.snapshot == one.snapshot:
        return Verdict.UNCHANGED
    before, one.snapshot = one.snapshot, message.snapshot
    one.addon_name = message.name
    draft.note(Step.MANIFEST_APPLIED, text=f"{before.manifest_version} to {message.snapshot.manifest_version}")
    if one.snapshot.declares(Kind.INSTALLED):
        ending.call_again(draft, "manifest")
    elif one.call is not None:  # to be told again of what it wants to hear no more
        ending.close(draft, "given_up")
    return Verdict.APPLIED


def move_base_url(draft: Draft, message: BaseUrlMoved) -> Verdict:
    """Calls go to another address of the add-on's from now on, with the same ids and bytes; the next one soon.

    What waits takes the listing's address again when it goes on, so it cannot be moved.
    """
    one = draft.one
    callable_ = one.state in (State.DELIVERING, State.INSTALLED) or (one.state in ENDED and one.call is not None)
    if one.snapshot is None or not callable_:
        return Verdict.NOT_ALLOWED
    if one.snapshot.base_url == message.base_url:
        return Verdict.UNCHANGED
    one.snapshot = replace(one.snapshot, base_url=message.base_url)
    draft.note(Step.BASE_URL_MOVED)
    if one.call is not None and one.flight is None:
        one.call = replace(one.call, tries=0)
        draft.wake(draft.quiet_at() if one.state in ENDED else draft.now, one.call.kind)
    return Verdict.APPLIED
