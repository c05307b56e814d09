"""Pages of a list: an opaque cursor that says where the next one begins.

A cursor is not signed: it only holds a position, and whoever changes it pages from elsewhere in the same answer. So it
must never hold what the caller may not choose (an owner, a filter); its shape is validated, its content is data.
"""

import base64
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.plumbing.errors import Problem

_MAX_CURSOR = 512

Position = TypeVar("Position")
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    model_config = ConfigDict(frozen=True)

    items: list[Item]
    # The `cursor` of the next page; null at the end.
    next: str | None = None


def encode_cursor(position: object) -> str:
    """`position` is a tuple of texts, integers and dates: the sort key of the page's last item."""
    return base64.urlsafe_b64encode(orjson.dumps(position, option=orjson.OPT_UTC_Z)).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[Position]) -> Position:
    """Return the position, e.g. of shape `tuple[datetime, str]`. Raises Problem 400 `invalid-cursor`."""
    try:
        adapter: TypeAdapter[Position] = _adapter(cast("Any", shape))
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        position = adapter.validate_json(text)
    except ValueError:  # of base64 or of pydantic
        text = b""
    if not text or len(cursor) > _MAX_CURSOR or b"\\u0000" in text:
        raise Problem("invalid-cursor", 400, "The cursor is not one that this list gave")
    return position


@lru_cache(maxsize=128)
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
