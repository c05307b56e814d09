"""How a personal access token looks: a prefix that scanners know, chance, and a checksum. Pure but for chance."""

import re
import secrets
import string
import zlib

PREFIX = "souk_pat_"
HINT_LENGTH = len(PREFIX) + 4
_LETTERS = string.digits + string.ascii_letters
_SECRET_LENGTH = 43  # of 62 letters: 256 bits
_CHECKSUM_LENGTH = 6
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}")


def new_personal_token() -> str:
    """Only `digest` of it is stored."""
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
    return f"{PREFIX}{secret}{_checksum(secret)}"


def looks_right(text: str) -> bool:
    """Whether this can be one of ours: what is mistyped, cut or made up needs no look into the database."""
    if not _FORM.fullmatch(text):
        return False
    body = text.removeprefix(PREFIX)
    return _checksum(body[:_SECRET_LENGTH]) == body[_SECRET_LENGTH:]


def _checksum(secret: str) -> str:
    number, letters = zlib.crc32(secret.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_LETTERS))
        letters = _LETTERS[digit] + letters
    return letters
