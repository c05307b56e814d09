"""Spans of requests, messages, records sent and calls, for a collector that speaks OTLP. Nothing at all without one.

A span's parent comes with what caused it, as a W3C `traceparent`: in the request, in the record, or from the document
that keeps the one of the request it began with, for days if need be. So one install is one trace, through all services.

The provider is ours alone and not the process's: the web framework's own tracing follows the global one and tells whole
query strings, and links in them are secrets. For the same reason no span tells a URL, a body or an exception's text.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["Attributes", "Span", "SpanKind", "begin", "configure_tracing", "fail", "span", "traceparent_of"]

Attributes = Mapping[str, str | int | float | bool]

LAST_SECONDS = 2.0
"""The last spans have so long to arrive."""

_tracer: trace.Tracer = trace.NoOpTracer()
_w3c = TraceContextTextMapPropagator()


def configure_tracing(service: str, endpoint: str | None) -> Callable[[], None]:
    """Send this process's spans to `endpoint` from now on. Returns what sends the last ones and ends it.

    What else can be said of it (headers, sampling, batching) is said by the standard variables `OTEL_…`. A collector
    that is away costs spans, never a request.
    """
    global _tracer  # noqa: PLW0603 - one per process, as the logging
    if endpoint is None:
        return lambda: None
    # Here and not above: a process without a collector starts a quarter of a second sooner.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"souk-{service}"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    _tracer = provider.get_tracer("souk")

    def close() -> None:
        global _tracer  # noqa: PLW0603 - as above
        _tracer = trace.NoOpTracer()
        # It tries to reach a collector that is away for longer than a process may take to end.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(LAST_SECONDS)

    return close


def begin(kind: SpanKind, name: str, parent: str | None, attributes: Attributes, *, seconds_ago: float = 0.0) -> Span:
    """Begin a span, of what began `seconds_ago`; the caller ends it. Costs next to nothing without a collector.

    Only a request begins a trace: what nothing caused, such as the daily sending of every state, has no span.
    """
    if parent is None and kind is not SpanKind.SERVER:
        return trace.INVALID_SPAN
    context = _w3c.extract({"traceparent": parent}, Context()) if parent else Context()
    started = time.time_ns() - int(seconds_ago * 1e9)
    return _tracer.start_span(name, context, kind, attributes, start_time=started)


@contextmanager
def span(kind: SpanKind, name: str, parent: str | None, attributes: Attributes) -> Iterator[Span]:
    """A span of what is done inside. What is raised there marks it as failed, by its name only."""
    begun = begin(kind, name, parent, attributes)
    try:
        yield begun
    except BaseException as exc:
        fail(begun, type(exc).__name__)
        raise
    finally:
        begun.end()


def fail(failed: Span, error_type: str) -> None:
    """Mark a span as failed."""
    failed.set_attribute("error.type", error_type)
    failed.set_status(Status(StatusCode.ERROR))


def traceparent_of(begun: Span) -> str | None:
    """What makes other spans the children of this one; its parent's if there is no collector, or None."""
    context = begun.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
