"""What an attempt's end means. Pure; the status line decides."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from services.installer.domain import TEXT_LIMIT, Kind
from services.installer.saga.inputs import Answer, Result
from shared.contracts.reasons import Side
from shared.plumbing.outgoing import OUR_SIDE, AddressBlocked, NotSent, OutgoingError, OutgoingResponse

# Not now rather than no. 409 says that an earlier attempt of INSTALLED is still at work; to a DELETED it says that
# there is nothing to delete.
_TRY_AGAIN = {Kind.DELETED: frozenset({408, 425, 429})}
_TRY_AGAIN_ELSE = frozenset({408, 409, 425, 429})
# A JSON Web Token, perhaps cut off: whoever answers with what it was sent sends our secrets back.
_TOKEN = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*){0,2}", re.ASCII)
_GONE = 410
_OWN_WORDS = ("message", "detail", "error", "title", "reason")
_NETWORK = frozenset({"dns", "unreachable", "connect-timeout", "reset"})


def of_response(kind: Kind, response: OutgoingResponse, now: datetime) -> Answer:
    """The meaning of a status line."""
    status = response.status
    return Answer(
        result=_result(kind, status),
        side=None if status < 300 else Side.ADDON,  # noqa: PLR2004 - 2xx
        status=status,
        text=own_words(response.body),
        body=_safe(response.body[:TEXT_LIMIT].decode(errors="replace")),
        duration=timedelta(seconds=response.duration),
        retry_after=_retry_after(response.headers, now),
    )


def _result(kind: Kind, status: int) -> Result:
    family = status // 100
    if family == 2:  # noqa: PLR2004 - the families of HTTP
        return Result.OK
    if status == _GONE:
        return Result.GONE
    if family == 4 and status not in _TRY_AGAIN.get(kind, _TRY_AGAIN_ELSE):  # noqa: PLR2004 - as above
        return Result.REFUSED
    # No call follows a redirect. For INSTALLED that is a no; a clean-up goes on trying, since nothing was cleaned up.
    return Result.REFUSED if family == 3 and kind is not Kind.DELETED else Result.UNKNOWN  # noqa: PLR2004 - as above


def of_error(error: OutgoingError, duration: timedelta) -> Answer:
    """The meaning of an attempt without a status line."""
    if isinstance(error, AddressBlocked):
        result, side = Result.BLOCKED, Side.ADDON
    else:
        result = Result.NOT_SEEN if isinstance(error, NotSent) else Result.UNKNOWN
        side = Side.NETWORK if error.reason in _NETWORK else Side.ADDON
    if error.reason in OUR_SIDE:
        side = Side.US
    return Answer(result=result, side=side, text=error.reason, duration=duration)


def of_probe(response: OutgoingResponse) -> Answer:
    """The meaning of a probe's status: below 500 somebody is at home."""
    home = response.status < 500  # noqa: PLR2004 - HTTP's border between theirs and ours
    return Answer(
        result=Result.OK if home else Result.UNKNOWN, side=None if home else Side.ADDON, status=response.status
    )


def ours(reason: str) -> Answer:
    """We could not make the call: the add-on knows nothing of it and is not to blame."""
    return Answer(result=Result.NOT_SEEN, side=Side.US, text=reason)


def own_words(body: bytes) -> str:
    """What the add-on said, for people: the message of a JSON answer, or the beginning of the text."""
    text = body[:TEXT_LIMIT].decode(errors="replace")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        words = [said[name] for name in _OWN_WORDS if isinstance(said.get(name), str)]
        text = words[0] if words else text
    return _safe(text)


def _safe(text: str) -> str:
    """For showing and keeping: no control or direction characters, and no token of ours that the answer repeats."""
    printable = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
    return _TOKEN.sub("[token]", printable).strip()[:TEXT_LIMIT]


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """`Retry-After` in seconds or as a date; nonsense counts as absent."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 8:  # noqa: PLR2004 - beyond are months
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    pause = at.replace(tzinfo=at.tzinfo or UTC) - now
    return pause if timedelta(0) < pause < timedelta(days=30) else None
