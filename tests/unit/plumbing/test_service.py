"""What a service does with a loop of its own that fails."""

import pytest
from pymongo.errors import AutoReconnect
from structlog.testing import capture_logs

from shared.plumbing import service


async def test_a_loop_goes_on_after_an_outage_and_after_a_bug_and_only_the_bug_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "_RESTART_SECONDS", 0)
    failures: list[Exception] = [AutoReconnect("gone"), AutoReconnect("gone"), ValueError("a bug")]
    ended: list[bool] = []

    async def run() -> None:
        if failures:
            raise failures.pop(0)
        ended.append(True)

    with capture_logs() as logs:
        await service._supervise("counts", run)

    assert ended
    waits = {"event": "loop_waits", "log_level": "warning", "loop": "counts", "error": "AutoReconnect"}
    assert logs == [waits, waits, {"event": "loop_failed", "log_level": "error", "loop": "counts", "exc_info": True}]
