import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog

from shared.plumbing import repeats
from shared.plumbing.logging import configure_logging

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"


class Log:
    """Captures what would go to stdout."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self.stream = io.TextIOWrapper(self._bytes, write_through=True)

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def output() -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    log = Log()
    configure_logging("shop", "INFO", "json", log.stream)
    structlog.contextvars.clear_contextvars()
    yield log
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_the_servers_advice_on_websockets_is_left_out(output: Log) -> None:
    server = logging.getLogger("uvicorn.error")
    server.warning("Unsupported upgrade request.")
    server.warning("No supported WebSocket library detected. Please use \"pip install 'uvicorn[standard]'\"")
    server.warning("Invalid HTTP request received.")
    assert [line["event"] for line in output.lines] == ["Invalid HTTP request received."]


def test_an_event_is_one_json_object_with_the_bound_context(output: Log) -> None:
    structlog.contextvars.bind_contextvars(correlation_id="c1")
    structlog.get_logger().info("order_placed", order_id="o1", count=2)

    [line] = output.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "order_placed",
        "level": "info",
        "service": "shop",
        "correlation_id": "c1",
        "order_id": "o1",
        "count": 2,
    }


def test_what_is_below_the_level_is_not_written(output: Log) -> None:
    structlog.get_logger().debug("details")
    assert output.text == ""


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "new_password",
        "Authorization",
        "cookie",
        "refresh_token",
        "client_secret",
        "sealed_address",
        "email",
    ],
)
def test_values_of_secret_names_are_masked(output: Log, key: str) -> None:
    structlog.get_logger().info("seen", **{key: "hunter2"}, nested={"deep": [{key: "hunter2"}]})
    assert "hunter2" not in output.text
    assert output.lines[0][key] == "***"
    assert output.lines[0]["nested"] == {"deep": [{key: "***"}]}


@pytest.mark.parametrize("key", ["token_id", "token_type", "password_changed_at", "secret_count", "passenger"])
def test_what_only_describes_a_secret_is_shown(output: Log, key: str) -> None:
    structlog.get_logger().info("seen", **{key: "plain"})
    assert output.lines[0][key] == "plain"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Bearer {JWT} was wrong", "Bearer *** was wrong"),
        ("got sealed:v1:AbC_-9 here", "got *** here"),
        ("got stored:v1:AbC_-9 here", "got *** here"),
        ("cannot reach mongodb://souk:hunter2@db/x", "cannot reach mongodb://***@db/x"),
        ("GET http://h/verify?a=1&token=hunter2&b=2", "GET http://h/verify?a=1&token=***&b=2"),
        ("http://h/path without any", "http://h/path without any"),
    ],
)
def test_secrets_inside_texts_are_masked(output: Log, text: str, shown: str) -> None:
    structlog.get_logger().info("seen", text=text)
    logging.getLogger("library").warning("%s", text)
    assert [output.lines[0]["text"], output.lines[1]["event"]] == [shown, shown]


def test_exceptions_are_text_with_traceback_without_locals_or_secrets(output: Log) -> None:
    def fail() -> None:
        local_value = "not-for-the-log"
        raise ValueError(f"bad token {JWT}", len(local_value))

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("failed")

    [line] = output.lines
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert "ValueError: ('bad token ***', 15)" in line["exception"]
    assert JWT not in output.text


def test_records_of_the_standard_library_take_the_same_way(output: Log) -> None:
    structlog.contextvars.bind_contextvars(correlation_id="c1")
    logging.getLogger("library").error("failed %d times", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old habit", stacklevel=1)

    first, second = output.lines
    assert first["event"] == "failed 3 times"
    assert (first["logger"], first["level"], first["correlation_id"]) == ("library", "error", "c1")
    assert (second["logger"], second["level"]) == ("py.warnings", "warning")
    assert "old habit" in second["event"]


@pytest.mark.parametrize("name", ["aiokafka.consumer", "faststream", "uvicorn.error", "pymongo.topology"])
def test_chatty_libraries_are_heard_from_warning_up(output: Log, name: str) -> None:
    logging.getLogger(name).info("step by step")
    logging.getLogger(name).warning("trouble")
    assert [line["event"] for line in output.lines] == ["trouble"]


def test_what_a_library_repeats_is_one_line_and_what_we_say_ourselves_stays(
    output: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(times: int) -> None:
        for number in range(times):
            logging.getLogger("aiokafka.client").error("no connection to node %d", number)
            structlog.get_logger().info("happened", number=number)

    fail(1_000)
    monkeypatch.setattr(repeats, "SECONDS", 0.0)
    fail(1)

    assert [line["event"] for line in output.lines].count("happened") == 1_001
    repeated = [line for line in output.lines if line["event"] != "happened"]
    assert [(line["event"], line.get("held_back")) for line in repeated] == [
        ("no connection to node 0", None),
        ("no connection to node 0", 999),
    ]


def test_the_access_log_of_the_server_is_off(output: Log) -> None:
    logging.getLogger("uvicorn.access").warning("GET / 200")
    assert output.text == ""


def test_nothing_that_is_logged_can_fail(output: Log) -> None:
    structlog.get_logger().info("odd", text="\ud800", big=2**80, raw=b"\xff", thing=object, keys={1: 2, (3,): 4})
    [line] = output.lines
    assert line["big"] == 2**80
    assert line["text"] == "\ud800"


def test_console_lines_are_for_people(output: Log) -> None:
    configure_logging("shop", "INFO", "console", output.stream)
    structlog.get_logger().info("order_placed", password="hunter2")
    assert "order_placed" in output.text
    assert "password=***" in output.text
    assert "hunter2" not in output.text


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_a_disk_that_is_full_fails_nobody(output: Log, fmt: Literal["json", "console"]) -> None:
    with Path("/dev/full").open("w") as full:
        configure_logging("shop", "INFO", fmt, full)
        structlog.get_logger().info("order_placed", text="\ud800")
        with contextlib.suppress(OSError):
            full.close()
    structlog.get_logger().info("order_placed")
    logging.getLogger("library").error("failed")
