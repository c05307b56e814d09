"""What an add-on's answer, or the lack of one, means."""

from datetime import timedelta

import pytest

from services.installer.delivery.answers import of_error, of_probe, of_response, own_words
from services.installer.domain import Kind
from services.installer.saga.inputs import Result
from shared.contracts.reasons import Side
from shared.plumbing.outgoing import AddressBlocked, NotSent, OutcomeUnknown, OutgoingError, OutgoingResponse
from tests.unit.installer.story import START


def response(status: int, body: bytes = b"", **headers: str) -> OutgoingResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return OutgoingResponse(status, named, body, truncated=False, body_complete=True, duration=0.25)


@pytest.mark.parametrize(
    ("status", "installed", "deleted"),
    [
        (200, Result.OK, Result.OK),
        (204, Result.OK, Result.OK),
        (301, Result.REFUSED, Result.UNKNOWN),
        (304, Result.REFUSED, Result.UNKNOWN),
        (400, Result.REFUSED, Result.REFUSED),
        (404, Result.REFUSED, Result.REFUSED),
        (408, Result.UNKNOWN, Result.UNKNOWN),
        (409, Result.UNKNOWN, Result.REFUSED),
        (410, Result.GONE, Result.GONE),
        (425, Result.UNKNOWN, Result.UNKNOWN),
        (429, Result.UNKNOWN, Result.UNKNOWN),
        (500, Result.UNKNOWN, Result.UNKNOWN),
        (503, Result.UNKNOWN, Result.UNKNOWN),
    ],
)
def test_the_status_line_decides(status: int, installed: Result, deleted: Result) -> None:
    assert of_response(Kind.INSTALLED, response(status), START).result is installed
    assert of_response(Kind.DELETED, response(status), START).result is deleted


def test_whose_side_a_status_is_on() -> None:
    assert of_response(Kind.INSTALLED, response(200), START).side is None
    assert of_response(Kind.INSTALLED, response(503), START).side is Side.ADDON


@pytest.mark.parametrize(
    ("error", "result", "side"),
    [
        (AddressBlocked("private-address"), Result.BLOCKED, Side.ADDON),
        (NotSent("refused"), Result.NOT_SEEN, Side.ADDON),
        (NotSent("dns"), Result.NOT_SEEN, Side.NETWORK),
        (NotSent("tls"), Result.NOT_SEEN, Side.ADDON),
        (NotSent("held-back"), Result.NOT_SEEN, Side.US),
        (NotSent("resolver-busy"), Result.NOT_SEEN, Side.US),
        (OutcomeUnknown("timeout"), Result.UNKNOWN, Side.ADDON),
        (OutcomeUnknown("reset"), Result.UNKNOWN, Side.NETWORK),
    ],
)
def test_no_status_line(error: OutgoingError, result: Result, side: Side) -> None:
    answer = of_error(error, timedelta(seconds=3))
    assert (answer.result, answer.side, answer.text, answer.duration) == (
        result,
        side,
        error.reason,
        timedelta(seconds=3),
    )


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("120", timedelta(seconds=120)),
        (" 7 ", timedelta(seconds=7)),
        ("Sun, 01 Mar 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Sun, 01 Mar 2026 11:59:00 GMT", None),
        ("Sun, 01 Mar 2099 11:59:00 GMT", None),
        ("-5", None),
        ("soon", None),
        ("9" * 30, None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_leniently(header: str, pause: timedelta | None) -> None:
    assert of_response(Kind.INSTALLED, response(503, Retry_After=header), START).retry_after == pause


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "No seats left"}', "No seats left"),
        (b'{"code": 7, "error": "quota"}', "quota"),
        (b'{"message": 7}', '{"message": 7}'),
        (b"plain words\x00\x1b[31m", "plain words[31m"),
        (b"[" * 100_000, "[" * 1024),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_the_add_ons_own_words(body: bytes, words: str) -> None:
    assert own_words(body) == words


def test_a_probe_asks_only_whether_somebody_is_at_home() -> None:
    assert of_probe(response(404)).result is Result.OK
    assert of_probe(response(500)).result is Result.UNKNOWN


def test_the_answer_is_kept_without_what_nobody_should_read_or_see() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    body = f'{{"message": "no\u202e way\x1b[31m", "sent": "{token}", "again": "{token[:40]}'.encode()
    answer = of_response(Kind.INSTALLED, response(500, body + b"\xff" * 2000), START)

    assert answer.body.startswith('{"message": "no way[31m", "sent": "[token]", "again": "[token]')
    assert len(answer.body) <= 1024
    assert "eyJ" not in of_response(Kind.INSTALLED, response(403, token.encode()), START).text
