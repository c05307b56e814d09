"""Whose page sent a request, and how often somebody may."""

from typing import Any

import pytest
from fastapi import Request

from services.auth.settings import AuthSettings
from services.auth.web import Browser, Limits
from shared.plumbing.errors import Forbidden, TooMany

KEY = "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4="


def request(peer: str = "10.0.0.9", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (peer, 1234)})


BROWSER = Browser("http://localhost:8080", 60)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_souk_csrf": "1", "origin": "http://localhost:8080"},
        {"x_souk_csrf": "1", "sec_fetch_site": "same-origin"},
        {"x_souk_csrf": "1", "sec_fetch_site": "same-origin", "origin": "http://localhost:8080"},
    ],
)
def test_our_own_pages_pass(headers: dict[str, str]) -> None:
    BROWSER.require_own_page(request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_souk_csrf": "1"},
        {"origin": "http://localhost:8080"},
        {"x_souk_csrf": "0", "origin": "http://localhost:8080"},
        {"x_souk_csrf": "1", "origin": "https://evil.example"},
        {"x_souk_csrf": "1", "origin": "http://localhost:8080.evil.example"},
        {"x_souk_csrf": "1", "origin": "null"},
        {"x_souk_csrf": "1", "sec_fetch_site": "same-site", "origin": "http://localhost:8080"},
        {"x_souk_csrf": "1", "sec_fetch_site": "cross-site"},
        {"x_souk_csrf": "1", "sec_fetch_site": "none"},
    ],
)
def test_everybody_else_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden) as caught:
        BROWSER.require_own_page(request(**headers))
    assert caught.value.slug == "cross-site-request"


def limits(**changes: Any) -> Limits:
    return Limits(AuthSettings(master_key=KEY, sealing_key=KEY, **changes))


def used_up(check: object, *args: object) -> int:
    assert callable(check)
    for count in range(1000):
        try:
            check(*args)
        except TooMany:
            return count
    return 1000


def test_guessing_from_one_network_locks_out_nobody_elsewhere() -> None:
    subject = limits(log_ins_per_minute=3)
    guesser, owner = request(x_forwarded_for="6.6.6.6"), request(x_forwarded_for="203.0.113.5")
    assert used_up(subject.log_in, guesser, "Ada@example.com") == 3
    subject.log_in(owner, "ada@example.com")


def test_one_network_has_one_allowance_for_all_addresses() -> None:
    subject = limits(network_requests_per_minute=5)
    guesser = request(x_forwarded_for="6.6.6.6")
    for number in range(5):
        subject.log_in(guesser, f"user{number}@example.com")
    assert used_up(subject.log_in, guesser, "another@example.com") == 0


def test_an_address_is_not_flooded_from_many_networks() -> None:
    subject = limits(mails_per_hour=2)
    sent = sum(used_up(subject.mail, request(x_forwarded_for=f"6.6.6.{n}"), "ada@example.com") for n in range(20))
    assert sent == 8


def test_whoever_signs_up_with_an_address_everywhere_keeps_its_owner_from_no_way_in() -> None:
    subject = limits(mails_per_hour=2)
    for way in ("anybody's", "verification"):
        for number in range(20):
            used_up(subject.mail, request(x_forwarded_for=f"6.6.6.{number}"), "ada@example.com", way)
    owner = request(x_forwarded_for="203.0.113.5")
    with pytest.raises(TooMany):
        subject.mail(owner, "ada@example.com", "verification")
    subject.mail(request(x_forwarded_for="203.0.113.6"), "ada@example.com", "password-reset")


def test_one_inviter_does_not_use_up_what_others_may_send_to_an_address() -> None:
    subject = limits(mails_per_hour=2)
    assert used_up(subject.invite, request(), "eve", "ada@example.com") == 2
    sent = sum(used_up(subject.invite, request(), f"user{n}", "ADA@example.com") for n in range(9))
    assert sent == 6, "and all of them together not without end"


def test_what_one_account_changes_is_limited() -> None:
    subject = limits(changes_per_hour=3)
    assert used_up(subject.change, "ada") == 3
    subject.change("bob")
