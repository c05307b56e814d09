"""Which product knows a visitor."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.auth.login.arrival import Arrival, recognise, with_parameter
from services.auth.settings import ProviderSettings


def provider(name: str, **more: Any) -> ProviderSettings:
    row = {"id": name, "label": name, "issuer": f"https://{name}.example", "client_id": "souk", "client_secret": "s"}
    return ProviderSettings.model_validate(row | more)


GLOBE = provider("globe", region="eu", regions=["uk"], addresses=["globe.example", "*.globe.example"])
ISLAND = provider("island", region="au", addresses=["*.island.example", "kiosk.island.example"])
BOTH = (GLOBE, ISLAND)


@pytest.mark.parametrize(
    ("arrival", "found"),
    [
        (Arrival(issuer="https://island.example", region="eu"), ("island", "issuer")),
        (Arrival(region="UK", subdomain="a.island.example"), ("globe", "region")),
        (Arrival(region="mars", subdomain="a.island.example"), ("island", "subdomain")),
        (Arrival(subdomain="A.Island.example."), ("island", "subdomain")),
        (Arrival(subdomain="kiosk"), ("island", "subdomain")),
        (Arrival(subdomain="anything"), ("globe", "subdomain")),
        (Arrival(referrer="https://globe.example:8443/projects?x=1"), ("globe", "referrer")),
        (Arrival(subdomain="a.b.globe.example", referrer="https://x.island.example"), ("island", "referrer")),
        (Arrival(referrer="https://evil-globe.example/globe.example"), None),
        (Arrival(referrer="https://globe.example.evil.example/"), None),
        (Arrival(referrer="https://globe.example@evil.example/"), None),
        (Arrival(referrer="https://[broken"), None),
        (Arrival(region="", subdomain="", referrer=""), None),
        (Arrival(issuer="https://island.example/"), None),
        (Arrival(), None),
    ],
)
def test_the_first_sign_that_names_a_provider_decides(arrival: Arrival, found: tuple[str, str] | None) -> None:
    known = recognise(BOTH, arrival)
    assert (known and (known[0].id, known[1])) == found


@given(st.builds(Arrival, *(st.none() | st.text(max_size=60) for _ in range(4))))
def test_whatever_comes_is_no_error(arrival: Arrival) -> None:
    recognise(BOTH, arrival)


@pytest.mark.parametrize(
    "pattern", ["", "*", "a.*", "*.*", "a..b", "*a.example", "a.*.example", ".example", "example."]
)
def test_a_pattern_that_could_mean_anybody_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        provider("globe", addresses=[pattern])


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", "/?login=x"),
        ("/a?b=1&c=", "/a?b=1&c=&login=x"),
        ("/a?login=old&b=1#part", "/a?b=1&login=x#part"),
        ("/a?b=%2F%2Fevil", "/a?b=%2F%2Fevil&login=x"),
    ],
)
def test_a_path_is_told_how_it_went(path: str, told: str) -> None:
    assert with_parameter(path, "login", "x") == told
