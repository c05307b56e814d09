"""Refusals that a client sees; `shared.plumbing.problems` turns each into a problem document (RFC 9457).

    Problem                 any status
    ├── Unauthorized  401   who are you? (answers with WWW-Authenticate)
    ├── Forbidden     403   not you
    ├── NotFound      404   not there, or not for you to know
    ├── Conflict      409   not in the present state
    ├── Invalid       422   not with this content
    ├── TooMany       429   not so often (answers with Retry-After)
    └── Unavailable   503   not now, and that is our side (answers with Retry-After)

The slug is what programs compare: stable, kebab-case, listed in the documentation. Title and detail are for people.
"""

import math
from collections.abc import Mapping
from typing import ClassVar


class Problem(Exception):  # noqa: N818 - the name of what the client gets, as in RFC 9457
    """A refusal with its stable slug.

    `extensions` become members of the document: JSON-able, and nothing that this client may not know. They are not
    logged.
    """

    def __init__(
        self,
        slug: str,
        status: int,
        title: str,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(f"{slug}: {detail or title}")
        self.slug = slug
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extensions = extensions


class _WithStatus(Problem):
    status_code: ClassVar[int]

    def __init__(
        self,
        slug: str,
        title: str,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(slug, self.status_code, title, detail, headers, **extensions)


class Unauthorized(_WithStatus):
    status_code = 401

    def __init__(
        self,
        slug: str,
        title: str,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        # RFC 9110 §11.6.1 wants a challenge on every 401; callers give a finer one for bearer tokens.
        super().__init__(slug, title, detail, {"WWW-Authenticate": "Bearer", **(headers or {})}, **extensions)


class Forbidden(_WithStatus):
    status_code = 403


class NotFound(_WithStatus):
    status_code = 404


class Conflict(_WithStatus):
    status_code = 409


class Invalid(_WithStatus):
    status_code = 422


class _Later(_WithStatus):
    def __init__(
        self,
        slug: str,
        title: str,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        retry_after: float,
        **extensions: object,
    ) -> None:
        """`retry_after` is in seconds and rounded up, at least 1: Retry-After knows whole seconds only."""
        seconds = max(1, math.ceil(retry_after))
        super().__init__(slug, title, detail, {"Retry-After": str(seconds), **(headers or {})}, **extensions)
        self.retry_after = seconds


class TooMany(_Later):
    status_code = 429


class Unavailable(_Later):
    status_code = 503
