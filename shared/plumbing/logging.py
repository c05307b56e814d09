"""Structured logs: one JSON object a line on stdout, the standard library's records through the same processors.

Events are static snake_case names with identifiers beside them; context is bound at the edge (request, message) through
`structlog.contextvars`. Secrets are masked here as a last net, not as a licence to log them.
"""

import contextlib
import json
import logging
import re
import sys
from functools import lru_cache
from typing import Any, Literal, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.plumbing.repeats import Repeats

MASK = "***"
# Libraries that tell each step at INFO; what goes wrong they tell from WARNING up.
_CHATTY = ("aiokafka", "aiohttp", "asyncio", "faststream", "kafka", "pymongo", "uvicorn.error", "watchfiles")

_SECRET_KEY = re.compile(
    r"passw|secret|challenge|recovery_?code|^code$|token|authorization|cookie|credential|private_?key|master_?key|api_?key|sealed|e_?mail|totp|otp$"
)
# What describes a secret without being one.
_HARMLESS_END = re.compile(r"_(id|kid|type|kind|count|length|status|slug|at|seconds|error|template)$")
_SECRET_VALUE = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"  # JSON Web Token
    r"|(?:sealed|stored):v1:[\w-]+"  # shared.plumbing.sealing
    r"|(?<=_pat_)\w+"  # personal access tokens
    r"|(?<=://)[^/@\s]+(?=@)"  # user and password inside a URL
    r"|(?<=[?&#]token=)[^&#\s]+|(?<=[?&#]code=)[^&#\s]+"  # single-use links
)


@lru_cache(maxsize=4096)
def names_a_secret(key: str) -> bool:
    """Tell whether a field of this name is never shown."""
    key = key.lower()
    return bool(_SECRET_KEY.search(key)) and not _HARMLESS_END.search(key)


def _mask(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        # Plain searches first: nearly no text holds any of these, and a regular expression costs ten times as much.
        suspicious = "eyJ" in value or ":v1:" in value or "://" in value or "_pat_" in value
        return _SECRET_VALUE.sub(MASK, value) if suspicious else value
    if isinstance(value, dict) and depth < 5:  # noqa: PLR2004 - deeper is no log field
        return {key: _mask_field(str(key), inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and depth < 5:  # noqa: PLR2004 - as above
        return [_mask(inner, depth + 1) for inner in value]
    return value


def _mask_field(key: str, value: Any, depth: int) -> Any:
    return MASK if value and names_a_secret(key) else _mask(value, depth)


def redact(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Mask values whose key names a secret, and tokens, sealed texts and URL credentials inside any text."""
    for key, value in event_dict.items():
        if not isinstance(value, (int, float)):
            event_dict[key] = _mask_field(key, value, 0)
    return event_dict


def to_json(value: Any) -> bytes:
    """Write anything as JSON: what has no JSON form as its repr, so that neither a log line nor an answer fails."""
    try:
        return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
    except TypeError:  # a lone surrogate or an integer beyond 64 bits
        return json.dumps(value, default=repr, skipkeys=True).encode("ascii")


def render_json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> bytes:
    return to_json(event_dict)


class _Output:
    """Writes lines. A full disk or a reader that left must not fail whoever logs, so there a line is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._file = stream.buffer

    def msg(self, line: str | bytes) -> None:
        data = line if isinstance(line, bytes) else line.encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError, ValueError):
            self._file.write(data + b"\n")
            self._file.flush()

    log = debug = info = warning = error = critical = exception = fatal = msg


class _Bridge(logging.Handler):
    """Hands records of the standard library to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            logger = structlog.get_logger().bind(logger=record.name)
            if held_back := getattr(record, "held_back", 0):
                logger = logger.bind(held_back=held_back)
            logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)
        except Exception:  # noqa: BLE001 - logging never breaks its caller
            self.handleError(record)


def configure_logging(service: str, level: str, fmt: Literal["json", "console"], stream: TextIO | None = None) -> None:
    """Set up logging for this process; `service` is on every line. Writes to stdout unless `stream` is given."""
    out = stream or sys.stdout
    threshold = logging.getLevelNamesMapping()[level]

    def add_service(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        event_dict["service"] = service
        return event_dict

    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        add_service,
        # The operator's clock, beside the operator's other logs; decisions use the database clock.
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # As text, before redaction: messages of exceptions are masked too, and locals are never shown.
        structlog.processors.format_exc_info,
        redact,
    ]
    if fmt == "json":
        processors.append(cast("Processor", render_json))
    else:
        formatter = structlog.dev.plain_traceback
        processors.append(structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=formatter))
    output = _Output(out)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: output,
        # Not cached on first use: 2 µs a line buys that a later call here reaches loggers of modules already imported.
    )
    _bridge_standard_library(threshold)


def _worth_telling(record: logging.LogRecord) -> bool:
    """Whether a line of the server is not just its advice on WebSockets: two warnings for any request that asks.

    We have none, and answer such a request as the plain one that it also is.
    """
    return not str(record.msg).startswith(("Unsupported upgrade request", "No supported WebSocket library"))


def _bridge_standard_library(threshold: int) -> None:
    bridge = _Bridge()
    bridge.addFilter(Repeats())
    logging.basicConfig(handlers=[bridge], level=threshold, force=True)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    # Handlers that libraries brought along would print a second line in another form.
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("uvicorn", "faststream")):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
    logging.getLogger("uvicorn.error").addFilter(_worth_telling)
    # Each request has its canonical line; see shared.plumbing.request_context.
    logging.getLogger("uvicorn.access").disabled = True
