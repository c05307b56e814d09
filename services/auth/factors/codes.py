"""Codes of the second factor: those that a device makes from a secret and the time (RFC 6238), and those on paper.

Pure but for chance.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno

from services.auth.tokens import digest, same

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
"""Steps before and after the present one that count too, for clocks that differ and people who type (§5.2)."""
RECOVERY_CODES = 10
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 that nobody takes for one another
_GROUPS, _GROUP = 4, 4


@dataclass(frozen=True, slots=True)
class Match:
    """Which time step a code is of, and whether that step has not been used."""

    step: int
    fresh: bool


def new_secret() -> str:
    """160 bits by chance, as RFC 4226 §4 recommends, in base32 for people and devices."""
    return pyotp.random_base32(32)


def address(secret: str, *, issuer: str, account: str) -> str:
    """The `otpauth` address that devices take the secret from."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(name=account, issuer_name=issuer)


def picture(text: str) -> str:
    """A QR code as the data URI of an SVG, for an `img`."""
    return segno.make(text, error="m", micro=False).svg_data_uri(scale=4, dark="#000", light="#fff")


def step_of(now: datetime) -> int:
    """The time step of a moment."""
    return int(now.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """The code of a time step."""
    return pyotp.HOTP(secret, digits=DIGITS).at(step)


def match(secret: str, code: str, now: datetime, last_step: int) -> Match | None:
    """Find the code among those that count now. None: it is none of them.

    Each step is used once, and none before one that was used (§5.2). All are compared, so that the time that it
    takes tells nothing.
    """
    present = step_of(now)
    steps = range(present - WINDOW, present + WINDOW + 1)
    found = [step for step in steps if same(code_at(secret, step), code)]
    fresh = [step for step in found if step > last_step]
    return Match((fresh or found)[0], bool(fresh)) if found else None


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes of 80 bits each: nobody guesses one, nor finds it again from its digest."""
    return tuple(
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    )


def recovery_digest(user_id: str, code: str) -> str:
    """What is stored of a recovery code, however its owner types it."""
    return digest(f"{user_id} {''.join(code.lower().split()).replace('-', '')}")
