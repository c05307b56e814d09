"""State records belong to what changed the document."""

from datetime import UTC, datetime

from services.auth.domain import Cause
from services.auth.render import workspaces
from services.auth.workspaces.rules import new_workspace
from tests.conftest import FixedClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOCUMENT = new_workspace(workspace_id="w" * 24, name="W", region="eu", product="", owner_id="u" * 24, now=NOW)


def test_a_state_record_carries_the_cause_of_its_change() -> None:
    cause = Cause("request-1", f"00-{'a' * 32}-{'b' * 16}-01")
    envelope = workspaces(FixedClock(NOW))({**DOCUMENT, "cause": cause.document()})
    assert (envelope.id, envelope.correlation_id, envelope.traceparent) == (
        f"{'w' * 24}:v1",
        "request-1",
        cause.traceparent,
    )


def test_a_document_of_before_causes_were_kept_stands_for_itself() -> None:
    envelope = workspaces(FixedClock(NOW))(DOCUMENT)
    assert (envelope.correlation_id, envelope.traceparent) == (f"{'w' * 24}:v1", None)
