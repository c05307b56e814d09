"""From the bytes that an add-on served, or the JSON that a publisher sent, to something fit to be judged.

What gets past this page can be stored, sent and shown: it is small and shallow, and its numbers and texts are
those that JSON, UTF-8 and BSON all carry.
"""

import json
import math
from collections.abc import Iterator
from email.message import Message
from itertools import islice
from typing import Any, NoReturn

from services.catalog.manifest_report import ManifestError, Path, field_name, shown
from shared.plumbing.strict_json import doubled_key

MAX_BYTES = 200_000
# The deepest that any version defines is a value of a dropdown in a group of settings: level 10 if it is an object.
MAX_DEPTH = 12
_MAX_INT_DIGITS = 20
_INT64 = 2**63
_MAX_FINDINGS = 20
_ENCODING_BY_FIRST_BYTES = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip"}


class UnreadableManifestError(Exception):
    """What was served or sent cannot be a manifest. `findings` says why."""

    def __init__(self, *findings: ManifestError) -> None:
        super().__init__(findings[0].message)
        self.findings = findings


class _Doubled(dict[str, Any]):
    """An object of which one key came twice."""

    key: str


def parse_manifest_bytes(body: bytes, content_type: str = "") -> object:
    """The JSON value in `body`.

    `content_type` is the header as received; it only helps to explain a failure, because file hosts serve good
    manifests as text/plain or worse.

    Raises UnreadableManifestError for what is too large, not UTF-8, HTML, not JSON, or unfit (see `unfit`), and
    for a key given twice in one object, of which parsers differ in the value that they keep.
    """
    if len(body) > MAX_BYTES:
        _refuse("size", f"The manifest has {len(body):,} bytes; at most {MAX_BYTES:,} are allowed.")
    text = _decoded(body, content_type)
    try:
        raw: object = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("<"):
            kind = content_type or "no content type"
            _refuse("html", f"A page came in place of the manifest ({kind}); it must be JSON.", text.lstrip())
        where = f"line {error.lineno}, column {error.colno}"
        _refuse(
            "json", f"The manifest is not JSON: {error.msg} at {where}.", text[max(error.pos - 40, 0) : error.pos + 40]
        )
    except RecursionError:
        _refuse("depth", f"The manifest is nested beyond the {MAX_DEPTH} levels allowed.")
    if findings := unfit(raw):
        raise UnreadableManifestError(*findings)
    for path, value in _walk(raw):
        if isinstance(value, _Doubled):
            field = field_name((*path, value.key))
            message = f"{field} is given more than once; a key may appear only once in an object."
            raise UnreadableManifestError(ManifestError(field, "duplicate-key", message))
    return raw


def unfit(raw: object) -> tuple[ManifestError, ...]:
    """Why nobody should look closer at `raw`: its size, its depth, or numbers and texts that cannot be stored."""
    # First, because all that follows looks at every value.
    if (size := _size(raw)) > MAX_BYTES:
        message = f"The manifest has {size:,} bytes; at most {MAX_BYTES:,} are allowed."
        return (ManifestError("manifest", "size", message),)
    for path, value in _walk(raw):
        if len(path) >= MAX_DEPTH and isinstance(value, dict | list):
            field = field_name(path)
            return (ManifestError(field, "depth", f"{field} is nested deeper than the {MAX_DEPTH} levels allowed."),)
    flaws = (
        ManifestError(field := field_name(path), rule, f"{field} {demand}.", shown(given))
        for path, value in _walk(raw)
        for rule, demand, given in _flaws(value)
    )
    return tuple(islice(flaws, _MAX_FINDINGS))


def _size(raw: object) -> int:
    """Bytes of `raw` as JSON; 0 if it is no JSON, which the looks at its depth and values then tell."""
    try:
        return len(json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
    except (RecursionError, TypeError, ValueError):
        return 0


def _flaws(value: object) -> Iterator[tuple[str, str, object]]:
    """Rule, demand and what was given, for each thing in `value` itself that cannot be stored."""
    match value:
        case str():
            yield from (("character", f"must not contain {what}", value) for what in _unstorable(value))
        case dict():
            # The MongoDB driver reads such an object back as a reference, which is no JSON any more.
            if "$ref" in value and "$id" in value:
                yield "reserved-keys", "must not have the keys $ref and $id together", value
            for key in value:
                if isinstance(key, str):
                    yield from (("character", f"must not have a key with {what}", key) for what in _unstorable(key))
                else:
                    yield "json", "must have texts as keys", repr(key)
        case None | bool() | list():
            return
        case int() if not -_INT64 <= value < _INT64:
            yield "number", "must fit in 64 bits", hex(value)
        case float() if not math.isfinite(value):
            yield "number", "must be a number that JSON knows", value
        case int() | float():
            return
        case _:
            yield "json", "must be a JSON value", repr(value)


def _unstorable(text: str) -> Iterator[str]:
    if "\0" in text:
        yield "the character NUL"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield "half of a surrogate pair"


def _walk(raw: object) -> Iterator[tuple[Path, object]]:
    """Every value with its path, parents first, without recursion: it must not fall to what it looks for."""
    todo: list[tuple[Path, object]] = [((), raw)]
    while todo:
        path, value = todo.pop()
        yield path, value
        if isinstance(value, dict):
            todo.extend(((*path, key), value[key]) for key in reversed(value))
        elif isinstance(value, list):
            todo.extend(((*path, index), value[index]) for index in reversed(range(len(value))))


def _decoded(body: bytes, content_type: str) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        declared = Message()
        declared["content-type"] = content_type.replace("\r", " ").replace("\n", " ")
        charset = _ENCODING_BY_FIRST_BYTES.get(body[:2]) or declared.get_content_charset()
        guess = f"; it seems to be {charset}" if charset not in {None, "utf-8"} else ""
        _refuse(
            "encoding",
            f"The manifest must be UTF-8, but byte {error.start} ({body[error.start]:#04x}) is not{guess}.",
            body[max(error.start - 20, 0) : error.start + 20].decode("latin-1"),
        )
    if not text.strip():
        _refuse("json", "The manifest is empty; it must be a JSON object.")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    key = doubled_key(pairs)
    if key is None:
        return dict(pairs)
    doubled = _Doubled(pairs)
    doubled.key = key
    return doubled


def _integer(digits: str) -> int:
    # Python refuses to read thousands of digits, and no 64-bit integer has this many.
    if len(digits) > _MAX_INT_DIGITS:
        _refuse("number", "The manifest has an integer that does not fit in 64 bits.", digits)
    return int(digits)


def _refuse(rule: str, message: str, given: str | None = None) -> NoReturn:
    finding = ManifestError("manifest", rule, message, None if given is None else shown(given))
    raise UnreadableManifestError(finding)
