"""Settings for machines that are busy, as one with several workers is: patient where tests wait, sparing elsewhere."""

import functools
import gc
import os

import httpx._config
import httpx._transports.default
import structlog
from hypothesis import HealthCheck, settings

from tests.waiting import PATIENCE_SECONDS


def tune() -> None:
    """Called once in each process, before any test."""
    # How long an example takes tells of the machine, not of what is tested.
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")
    # For requests that name no time-out themselves.
    for step in ("connect", "read", "write", "pool"):
        setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, step, PATIENCE_SECONDS)
    # A request without a client of its own makes a TLS context, at twenty times the cost of a request to this machine.
    setattr(httpx._transports.default, "create_ssl_context", functools.cache(httpx._config.create_ssl_context))  # noqa: B010 - no public name
    # Kafka's JVM lives for minutes here, so compiling quickly is worth more than compiling well.
    os.environ.setdefault("LOCAL_KAFKA_JAVA_OPTIONS", "-Xms128m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1")
    # The default renders every exception with all its locals, which takes seconds each.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    # A test builds a whole service and throws it away; looking through all the rest for it takes a tenth.
    gc.set_threshold(100_000, 50, 100)
