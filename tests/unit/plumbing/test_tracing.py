"""Spans without a collector, and with one that is away."""

import subprocess
import sys
import time

import pytest

from shared.plumbing import tracing
from shared.plumbing.tracing import SpanKind

PARENT = f"00-{'a' * 32}-{'b' * 16}-01"
CLOSED = "http://127.0.0.1:1"


@pytest.mark.parametrize("parent", [PARENT, PARENT[:-2] + "00", None])
def test_without_a_collector_what_came_in_goes_on(parent: str | None) -> None:
    assert tracing.traceparent_of(tracing.begin(SpanKind.SERVER, "GET", parent, {})) == parent


def test_without_a_collector_not_even_the_library_is_loaded() -> None:
    code = "import sys, services.installer.main; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 -- our own program


def test_a_span_is_the_child_of_what_caused_it_and_what_nothing_caused_has_none() -> None:
    close = tracing.configure_tracing("shop", CLOSED)
    try:
        with tracing.span(SpanKind.CLIENT, "call", PARENT, {}) as child:
            seen = tracing.traceparent_of(child)
        assert seen is not None
        assert seen != PARENT
        assert seen.split("-")[1] == "a" * 32
        request = tracing.begin(SpanKind.SERVER, "GET", None, {})
        assert request.is_recording()
        assert not tracing.begin(SpanKind.PRODUCER, "send", None, {}).is_recording()
    finally:
        close()


def test_a_failure_is_told_by_its_name_only() -> None:
    close = tracing.configure_tracing("shop", CLOSED)
    try:
        with pytest.raises(ValueError, match="secret"), tracing.span(SpanKind.CLIENT, "call", PARENT, {}) as child:
            raise ValueError("secret")
        assert child.attributes == {"error.type": "ValueError"}  # type: ignore[attr-defined] # of the SDK's spans
        assert child.events == ()  # type: ignore[attr-defined] # as above
    finally:
        close()


def test_a_collector_that_is_away_keeps_no_process_from_ending() -> None:
    close = tracing.configure_tracing("shop", CLOSED)
    tracing.begin(SpanKind.SERVER, "GET", None, {}).end()
    began = time.monotonic()
    close()
    assert time.monotonic() - began < tracing.LAST_SECONDS + 5
