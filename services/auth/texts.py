"""What people type: addresses, names, passwords. Each type refuses what cannot be kept, and keeps one form of it."""

import re
import unicodedata
from typing import Annotated
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from shared.plumbing.errors import Invalid

_HEX_ID = re.compile(r"[0-9a-f]{24}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Bidirectional controls (UAX #9 §2): with them one name is drawn as another, or swallows the words behind it.
_TURNING = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_MAX_PATH = 2000
_MACHINES = frozenset({"api", "addon-api", ".well-known"})
_LOG_INS = frozenset({("login", "initiate"), ("login", "callback")})


def printable(text: str) -> str:
    """Refuse what no name holds: control characters, those that turn the text around it, and nothing to see at all."""
    _one_line_only(text)
    if _TURNING.search(text):
        raise PydanticCustomError("text", "Text may not hold characters that change its direction")
    if text and not any(map(_visible, text)):
        raise PydanticCustomError("text", "Text needs a character that can be seen")
    return text


def _one_line_only(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("text", "Text may not hold control characters")
    return text


def _visible(character: str) -> bool:
    """Not a space, a control, a part of another character, or a letter that shows nothing."""
    return unicodedata.category(character)[0] not in "CMZ" and character not in _BLANK


def one_line(text: object) -> object:
    """One form of what people type."""
    return unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else text


def _address(text: str) -> str:
    try:
        # No look into DNS: it would tell others who signs up, and make a slow name server ours to wait for.
        # The part before the @ is ASCII, because not every mail server on the way takes anything else.
        found = validate_email(
            unicodedata.normalize("NFKC", text), check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError as exc:
        raise PydanticCustomError("email", "{reason}", {"reason": str(exc)[:200]}) from None
    return found.ascii_email or found.normalized


def address_key(address: str) -> str:
    """What is unique: two spellings of one mailbox are one account."""
    return unicodedata.normalize("NFKC", address).casefold()


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("text", "A password may not hold NUL")
    return unicodedata.normalize("NFKC", text)  # NIST SP 800-63B: the same keys on another keyboard


def refuse_foreign_path(text: str | None) -> None:
    """Of what a client gives to be led back to. Raises 422 `return-to-refused`; None leads nowhere."""
    if text is not None and not is_own_path(text):
        raise Invalid(
            "return-to-refused",
            "This is no path of ours",
            "It begins with one slash, is not too long, and leads to pages, not to what programs call.",
        )


def is_own_path(text: str) -> bool:
    """Whether this leads to our own origin only: an open redirect would lend our name to anybody.

    Browsers read a backslash as a slash, and `//host` as another host. Nor may it lead to what only programs and
    log-ins on their way call: a link of ours would make a browser act there.
    """
    return (
        text.startswith("/")
        and text[1:2] not in ("/", "\\")
        and len(text) <= _MAX_PATH
        and _plain(text)
        and not _is_machines(text)
    )


def _is_machines(text: str) -> bool:
    """As servers and browsers read it: decoded, where a segment of dots leads elsewhere."""
    path = unquote(re.split(r"[?#]", text, maxsplit=1)[0])
    segments = path[1:].casefold().split("/")
    if not _plain(path) or (len(segments) > 1 and not segments[0]) or not {".", ".."}.isdisjoint(segments):
        return True
    return segments[0] in _MACHINES or tuple(segments[:2]) in _LOG_INS


def _plain(text: str) -> bool:
    return _CONTROL.search(text) is None and "\\" not in text


def is_id(text: str) -> bool:
    """Whether this can be the id of a user or workspace (24 hex characters, the wire contract's form)."""
    return _HEX_ID.fullmatch(text) is not None


Address = Annotated[
    str, BeforeValidator(one_line), Field(max_length=254, examples=["ada@example.org"]), AfterValidator(_address)
]
"""An e-mail address, its domain in ASCII; upper and lower case as given."""
Password = Annotated[
    str,
    Field(min_length=10, max_length=1000, examples=["correct horse battery"], json_schema_extra={"format": "password"}),
    AfterValidator(_no_nul),
]
"""Length is counted as given, so that no text grows or shrinks past the rule."""
GivenPassword = Annotated[
    str,
    Field(max_length=1000, examples=["correct horse battery"], json_schema_extra={"format": "password"}),
    AfterValidator(_no_nul),
]
"""At log-in: any text that could be a password."""
DisplayName = Annotated[
    str, BeforeValidator(one_line), Field(max_length=100, examples=["Ada"]), AfterValidator(printable)
]
WorkspaceName = Annotated[
    str,
    BeforeValidator(one_line),
    Field(min_length=1, max_length=100, examples=["Acme East"]),
    AfterValidator(printable),
]
Locale = Annotated[str, Field(max_length=35, examples=["en"], pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Region = Annotated[str, Field(max_length=32, examples=["eu"], pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$")]
Subject = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_one_line_only)]
"""Who somebody is at a provider; compared byte by byte (OpenID Connect Core §2)."""
