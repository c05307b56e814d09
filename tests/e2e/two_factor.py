"""People with a device that makes codes, and workspaces that ask for one."""

import time
from collections.abc import Iterator

import pyotp

from tests.e2e.marketplace import Marketplace
from tests.e2e.people import Caller


def switch_on(person: Caller) -> tuple[pyotp.TOTP, Iterator[str]]:
    """As the owner of an account does it in the profile settings, with a device."""
    begun = person.call("POST", "/api/auth/v1/me/two-factor")
    assert begun["qr_code"].startswith("data:image/svg+xml")
    device = pyotp.parse_uri(begun["otpauth_uri"])
    assert isinstance(device, pyotp.TOTP)
    confirmed = person.call("POST", "/api/auth/v1/me/two-factor/confirm", json={"code": device.now()})
    codes = iter(confirmed["recovery_codes"])
    person.log_in = lambda: log_in_with(person, next(codes))  # type: ignore[method-assign] # when its token ends
    return device, codes


def switch_off(person: Caller, recovery_code: str) -> None:
    """Without the device."""
    person.call("POST", "/api/auth/v1/me/two-factor/disable", json={"recovery_code": recovery_code})
    del person.log_in  # by the password alone again


def log_in_with(person: Caller, recovery_code: str) -> None:
    """Both steps, with a code that no clock makes."""
    person.token = ""
    body = {"email": person.email, "password": person.password}
    first = person.send("POST", "/api/auth/v1/sessions", json=body)
    assert (first.status_code, first.json()["slug"]) == (403, "two-factor-needed")
    proof = {"challenge": first.json()["challenge"], "recovery_code": recovery_code}
    person.keep(person.call("POST", "/api/auth/v1/sessions/two-factor", json=proof))


def two_workspaces(marketplace: Marketplace, person: Caller) -> tuple[str, str]:
    """One that asks for a second factor, and one that does not."""
    strict, easy = marketplace.workspace(person), marketplace.workspace(person)
    person.call("PATCH", f"/api/auth/v1/workspaces/{strict}", json={"requires_two_factor": True})
    return strict, easy


def next_code(device: pyotp.TOTP) -> str:
    """The one after the present one, which is taken already though the device does not show it yet."""
    return device.at(int(time.time()) + device.interval)
