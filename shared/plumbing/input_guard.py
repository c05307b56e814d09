"""The limits that no handler has to think of: how long a body may be, and what counts as text."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.plumbing.errors import Invalid, Problem

# NUL, the escapes of NUL and of surrogates, and surrogates as three bytes, which json.loads lets through.
_SUSPICIOUS = re.compile(rb"\x00|\\u(?:0000|[dD][89a-fA-F])|\xed[\xa0-\xbf]")
_UNTELLABLE = re.compile("[\x00\ud800-\udfff]")
_PLACE = 100  # characters that tell where a fault is


class InputGuard:
    """Reads the body before anything else sees it, at most `max_body` bytes of it, and refuses text that is no text.

    NUL and lone surrogates pass JSON parsers, and break databases, headers and logs far behind.
    """

    def __init__(self, app: ASGIApp, max_body: int) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _UNTELLABLE.search(scope["path"]) or b"%00" in scope["query_string"]:
            raise Problem("malformed-url", 400, "The address holds characters that are not allowed")
        headers = dict(scope["headers"])
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body:
            raise self._too_large()
        body: bytes | None = await self._read(receive)
        if b"json" in headers.get(b"content-type", b"").lower() and _SUSPICIOUS.search(body or b""):
            _check_text(body or b"")

        async def replay() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            message = {"type": "http.request", "body": body, "more_body": False}
            body = None
            return message

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes:
        """Count what arrives: a chunked body declares no length, and a declared one may lie."""
        body = bytearray()  # a body in many small pieces would be copied as often
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            if len(body) + len(chunk) > self._max_body:
                raise self._too_large()
            body += chunk
            if not message.get("more_body"):
                return bytes(body)

    def _too_large(self) -> Problem:
        return Problem("body-too-large", 413, "The body is too large", f"At most {self._max_body} bytes are accepted.")


def _check_text(body: bytes) -> None:
    if b"\x00" in body:  # also UTF-16 and UTF-32; RFC 8259 §8.1 wants UTF-8
        raise Problem("malformed-json", 400, "The body is not JSON in UTF-8")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return  # the handler's parser refuses it with a better message
    # A depth-first walk by iterators: of where it is it holds the keys themselves, and makes words of them only once.
    keys: list[str | int] = []
    levels: list[Iterator[tuple[str | int, Any]]] = [iter([("", found)])]
    while levels:
        for key, value in levels[-1]:
            if isinstance(key, str) and _UNTELLABLE.search(key):
                raise _not_text(keys)
            if isinstance(value, str) and _UNTELLABLE.search(value):
                raise _not_text([*keys, key])
            if isinstance(value, dict | list):
                keys.append(key)
                levels.append(iter(value.items() if isinstance(value, dict) else enumerate(value)))
                break
        else:
            levels.pop()
            del keys[-1:]


def _not_text(keys: Sequence[str | int]) -> Invalid:
    place = ".".join(str(key)[:_PLACE] for key in keys[1:])
    message = "Text may not hold NUL or lone surrogate characters"
    error = {"field": _UNTELLABLE.sub("?", place)[:_PLACE] or "body", "rule": "text", "message": message}
    return Invalid("invalid-request", "The request is not valid", errors=[error])
