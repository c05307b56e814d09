"""What clients send and get: the second factor."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from services.auth.domain import Account
from services.auth.factors.codes import DIGITS, picture
from services.auth.factors.second_factor import Beginning, Proof
from services.auth.views import Asked, Told
from shared.plumbing.openapi import example


def _typed(text: object) -> object:
    return "".join(text.split()) if isinstance(text, str) and len(text) <= 3 * DIGITS else text


Code = Annotated[str, BeforeValidator(_typed), Field(pattern=r"^[0-9]{6}$", examples=["492039"])]
"""Of a device; people type it in groups."""
RecoveryCode = Annotated[str, Field(min_length=1, max_length=40, examples=["h7xk-29mp-dq4w-rb6t"])]


class CodeOnly(Asked):
    code: Code


class EitherCode(Asked):
    """A code of the device, or a recovery code."""

    model_config = example({"code": "492039"})

    code: Code | None = None
    recovery_code: RecoveryCode | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.code is None) == (self.recovery_code is None):
            raise ValueError("either code or recovery_code")
        return self

    @property
    def proof(self) -> Proof:
        return Proof(self.code, self.recovery_code)


class TwoFactor(Told):
    enabled: bool
    enabled_at: datetime | None
    recovery_codes_left: int

    @classmethod
    def of(cls, account: Account) -> Self:
        factor = account.second_factor
        return cls(
            enabled=factor is not None,
            enabled_at=factor.enabled_at if factor else None,
            recovery_codes_left=sum(one.used_at is None for one in factor.recovery) if factor else 0,
        )


class Enrolling(Told):
    """Shown once. It counts from its confirmation on."""

    secret: str
    """Base32, to be typed into a device that has no camera."""
    otpauth_uri: str
    qr_code: str
    """The same as a picture: the data URI of an SVG."""
    expires_at: datetime

    @classmethod
    def of(cls, beginning: Beginning) -> Self:
        return cls(
            secret=beginning.secret,
            otpauth_uri=beginning.address,
            qr_code=picture(beginning.address),
            expires_at=beginning.expires_at,
        )


class RecoveryCodes(Told):
    """Shown once; each one stands in for the device once."""

    recovery_codes: tuple[str, ...]
