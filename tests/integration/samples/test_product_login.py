"""Logging in with the sample product, as a marketplace and a browser do it."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.integration.samples.processes import free_port, running

CALLBACK = "http://localhost:8080/login/callback/acme"
CLIENT = ("souk", "client-secret")
ADA = {"email": "ada@acme.example", "password": "correct-horse-1", "name": "Ada", "region": "eu", "sub": "a" * 24}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    env = {
        "SAMPLE_PRODUCT_PORT": str(port),
        "SAMPLE_PRODUCT_CLIENT_SECRET": CLIENT[1],
        "SAMPLE_PRODUCT_DIRECTORY_TOKEN": "directory-token",
        "SAMPLE_PRODUCT_SOUK_URL": f"http://127.0.0.1:{free_port()}",
        "SAMPLE_PRODUCT_REDIRECT_URI": CALLBACK,
        "SAMPLE_PRODUCT_DATA_DIR": str(tmp_path_factory.mktemp("product")),
        "SAMPLE_PRODUCT_USERS": json.dumps([ADA]),
    }
    with running("samples.product", env):
        yield f"http://localhost:{port}"


@dataclass
class LogIn:
    """One log-in, from the marketplace's side, with the addresses that discovery names."""

    issuer: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def __post_init__(self) -> None:
        self.browser = httpx.Client(base_url=self.issuer)
        self.metadata = httpx.get(f"{self.issuer}/.well-known/openid-configuration").raise_for_status().json()

    def request(self, **changes: str | None) -> httpx.Response:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        params = {
            "response_type": "code",
            "client_id": CLIENT[0],
            "redirect_uri": CALLBACK,
            "scope": "openid email profile",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | changes
        given = {name: value for name, value in params.items() if value is not None}
        return self.browser.get(self.metadata["authorization_endpoint"], params=given)

    def submit(self, led: httpx.Response, **fields: str) -> httpx.Response:
        """Fills in the form that the browser was led to, and follows it back to the request that led there."""
        url = led.headers["Location"]
        assert self.browser.get(url).status_code == 200
        answer = self.browser.post(url, data=fields)
        return self.browser.get(answer.headers["Location"]) if answer.is_redirect else answer

    def code(self) -> str:
        answer = self.request()
        if not answer.headers["Location"].startswith(CALLBACK):
            answer = self.submit(answer, email=ADA["email"], password=ADA["password"])
        said = callback(answer)
        assert said["state"] == "state-1"
        return said["code"]

    def exchange(self, code: str, *, client: tuple[str, str] = CLIENT, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        } | changes
        return httpx.post(self.metadata["token_endpoint"], data=form, auth=client)


def callback(answer: httpx.Response) -> dict[str, str]:
    """What the browser brings to the marketplace."""
    location = answer.headers["Location"]
    assert location.startswith(CALLBACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
def login(issuer: str) -> Iterator[LogIn]:
    attempt = LogIn(issuer)
    with attempt.browser:
        yield attempt


def claims(login: LogIn, tokens: dict[str, Any]) -> dict[str, Any]:
    keys = KeySet.import_key_set(httpx.get(login.metadata["jwks_uri"]).json())
    token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    assert token.header["kid"] in {key.kid for key in keys}
    return token.claims


def test_discovery_names_the_issuer_and_its_parts(login: LogIn) -> None:
    assert login.metadata["issuer"] == login.issuer
    assert login.metadata["code_challenge_methods_supported"] == ["S256"]
    assert login.metadata["prompt_values_supported"] == ["none", "login", "create"]


def test_log_in_ends_with_a_signed_token_for_the_marketplace(login: LogIn) -> None:
    tokens = login.exchange(login.code()).raise_for_status().json()
    said = claims(login, tokens)
    now = said.pop("iat")
    assert (said.pop("exp") - now, now - said.pop("auth_time") < 60) == (300, True)
    assert said.pop("at_hash")
    assert said == {
        "iss": login.issuer,
        "aud": CLIENT[0],
        "sub": ADA["sub"],
        "nonce": "nonce-1",
        "email": ADA["email"],
        "email_verified": True,
        "name": "Ada",
        "region": "eu",
        "account_url": login.issuer,
        "amr": ["pwd"],
    }
    userinfo = httpx.get(
        login.metadata["userinfo_endpoint"], headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    known = ("sub", "email", "email_verified", "name", "region", "account_url")
    assert userinfo.json() == {name: said[name] for name in known}


def test_userinfo_wants_a_token(login: LogIn) -> None:
    assert httpx.get(login.metadata["userinfo_endpoint"]).status_code == 401
    foreign = {"Authorization": "Bearer made-up"}
    assert httpx.get(login.metadata["userinfo_endpoint"], headers=foreign).status_code == 401


def test_second_visit_needs_no_form(login: LogIn) -> None:
    login.code()
    assert "code" in callback(login.request(prompt="none"))


def test_silent_log_in_of_a_stranger_is_refused_at_the_callback(login: LogIn) -> None:
    said = callback(login.request(prompt="none"))
    assert (said["error"], said["state"]) == ("login_required", "state-1")


def test_prompt_login_asks_again(login: LogIn) -> None:
    login.code()
    form = login.request(prompt="login")
    assert form.headers["Location"].startswith("/login?")
    assert "code" in callback(login.submit(form, email=ADA["email"], password=ADA["password"]))


def test_log_in_that_is_too_old_asks_again(login: LogIn) -> None:
    login.code()
    assert login.request(max_age="-1").headers["Location"].startswith("/login?")
    assert callback(login.request(max_age="-1", prompt="none"))["error"] == "login_required"


def test_fresh_log_in_is_asked_for_once_and_told_with_its_time(login: LogIn) -> None:
    login.code()
    form = login.request(prompt="login", max_age="0")
    back = login.submit(form, email=ADA["email"], password=ADA["password"])
    said = claims(login, login.exchange(callback(back)["code"]).json())
    assert abs(said["iat"] - said["auth_time"]) < 60


def test_second_factor_is_told_from_the_next_log_in_on(login: LogIn) -> None:
    address = f"{secrets.token_hex(4)}@acme.example"
    login.submit(login.request(prompt="create"), email=address, password="correct-horse-2", name="Neu", region="us")
    login.browser.post("/two-factor")
    before = claims(login, login.exchange(callback(login.request(prompt="none"))["code"]).json())
    form = login.request(prompt="login")
    back = login.submit(form, email=address, password="correct-horse-2")
    after = claims(login, login.exchange(callback(back)["code"]).json())
    assert (before["amr"], after["amr"]) == (["pwd"], ["pwd", "otp", "mfa"])


def test_prompt_create_makes_an_account_with_an_unconfirmed_address(login: LogIn) -> None:
    form = login.request(prompt="create")
    assert form.headers["Location"].startswith("/signup?")
    address = f"{secrets.token_hex(4)}@acme.example"
    back = login.submit(form, email=address, password="correct-horse-2", name="Neu", region="us")
    first = claims(login, login.exchange(callback(back)["code"]).json())
    assert (first["email"], first["email_verified"], first["region"]) == (address, False, "us")
    login.browser.post("/confirm")
    second = claims(login, login.exchange(callback(login.request(prompt="none"))["code"]).json())
    assert (second["sub"], second["email_verified"]) == (first["sub"], True)


def test_wrong_password_is_no_log_in(login: LogIn) -> None:
    for email in (ADA["email"], "nobody@acme.example"):
        answer = login.submit(login.request(), email=email, password="wrong-password")
        assert (answer.status_code, "Address or password is wrong." in answer.text) == (401, True)


@pytest.mark.parametrize(
    "redirect_uri",
    [CALLBACK + "/", CALLBACK + "?x=1", "http://evil.example/login/callback/acme", "javascript:alert(1)"],
)
def test_foreign_redirect_address_gets_no_redirect(login: LogIn, redirect_uri: str) -> None:
    for prompt in ("none", None):
        answer = login.request(redirect_uri=redirect_uri, prompt=prompt)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "Location" not in answer.headers


def test_unknown_client_gets_no_redirect(login: LogIn) -> None:
    answer = login.request(client_id="somebody")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "email"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"prompt": "none login"}, "invalid_request"),
    ],
)
def test_bad_request_is_refused_at_the_callback(login: LogIn, changes: dict[str, str | None], error: str) -> None:
    assert callback(login.request(**changes))["error"] == error


def test_code_is_good_once(login: LogIn) -> None:
    code = login.code()
    assert login.exchange(code).status_code == 200
    again = login.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_wrong_verifier_is_refused_and_spends_the_code(login: LogIn) -> None:
    code = login.code()
    answer = login.exchange(code, code_verifier=secrets.token_urlsafe(48))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert login.exchange(code).json()["error"] == "invalid_grant"


def test_code_wants_its_redirect_address_and_its_client(login: LogIn) -> None:
    answer = login.exchange(login.code(), redirect_uri=CALLBACK + "/")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    code = login.code()
    answer = login.exchange(code, client=(CLIENT[0], "wrong"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert login.exchange(code).status_code == 200


def test_form_of_another_site_is_refused_and_leads_nowhere_else(login: LogIn, tmp_path: Path) -> None:
    form = {"email": ADA["email"], "password": ADA["password"]}
    foreign = login.browser.post("/login", data=form, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    for target in ("//evil.example", "/\\evil.example", "https://evil.example"):
        answer = login.browser.post("/login", params={"next": target}, data=form, headers={"Origin": login.issuer})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
