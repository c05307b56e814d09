"""What an attacker may send as an access token, and what the verifier makes of it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

from shared.plumbing.errors import Problem, Unavailable
from shared.plumbing.jwks import JwksSource
from shared.plumbing.keys import SigningKey
from shared.plumbing.tokens import Principal, TokenVerifier

KEY, NEXT_KEY, FOREIGN_KEY = (SigningKey.generate(kid) for kid in ("k1", "k2", "k1"))
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": "https://souk.example",
    "aud": "souk",
    "sub": "u1",
    "sid": "s1",
    "jti": "t1",
    "iat": SECONDS,
    "exp": SECONDS + 300,
    "roles": ["operator"],
    "amr": ["pwd", "otp"],
}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def no_fetch(_: str) -> bytes:
    raise ConnectionError


def source_of(*keys: SigningKey) -> JwksSource:
    source = JwksSource("http://issuer", no_fetch)
    if keys:
        source.replace({"keys": [key.public_jwk() for key in keys]})
    return source


def verifier_of(*keys: SigningKey, clock: Callable[[], datetime] = Clock()) -> TokenVerifier:  # noqa: B008 - a constant
    return TokenVerifier(source_of(*keys), CLAIMS["iss"], CLAIMS["aud"], clock)


VERIFIER = verifier_of(KEY)


def refusal(token: str, verifier: TokenVerifier = VERIFIER) -> Problem:
    with pytest.raises(Problem) as refused:
        verifier.verify(token)
    return refused.value


def b64(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def hmac_signed(header: dict[str, Any], secret: str) -> str:
    signed = f"{b64(header)}.{b64(CLAIMS)}"
    return f"{signed}.{b64(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def test_a_valid_token_tells_who_is_calling() -> None:
    assert VERIFIER.verify(KEY.sign(CLAIMS)) == Principal(
        user_id="u1",
        session_id="s1",
        roles=frozenset({"operator"}),
        token_id="t1",
        expires_at=NOW + timedelta(seconds=300),
        amr=("pwd", "otp"),
        proved_at=NOW,
    )


def test_a_token_tells_when_its_user_last_proved_who_they_are_and_what_a_program_may_do() -> None:
    before = NOW - timedelta(hours=1)
    program = VERIFIER.verify(
        KEY.sign({**CLAIMS, "auth_time": int(before.timestamp()), "scope": "catalog:read installer:read"})
    )

    assert program.proved_at == before
    assert program.scopes == frozenset({"catalog:read", "installer:read"})


def test_one_of_several_audiences_is_enough() -> None:
    assert VERIFIER.verify(KEY.sign({**CLAIMS, "aud": ["other", "souk"]})).user_id == "u1"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"aud": "add-ons"},
        {"aud": ["add-ons"]},
        {"aud": []},
        {"aud": None},
        {"aud": {"souk": 1}},
        {"sub": None},
        {"sub": 5},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 1e400},
        {"exp": 10**30},
        {"exp": float("nan")},
        {"iat": None},
        {"iat": SECONDS + 61},
        {"iat": -(10**30)},
        {"roles": [1]},
        {"roles": 5},
        {"amr": [None]},
        {"sid": 1},
    ],
)
def test_a_claim_that_is_wrong_refuses_a_token_that_is_genuine(change: dict[str, Any]) -> None:
    assert refusal(KEY.sign({**CLAIMS, **change})).slug == "token-invalid"


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "exp", "iat"])
def test_a_claim_that_is_missing_refuses_the_token(missing: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    assert refusal(KEY.sign(claims)).slug == "token-invalid"


def test_a_clock_that_is_a_minute_behind_the_issuer_is_tolerated() -> None:
    assert VERIFIER.verify(KEY.sign({**CLAIMS, "iat": SECONDS + 60})).user_id == "u1"


def test_a_token_ends_at_its_expiry_also_when_it_was_verified_before(clock: Clock) -> None:
    verifier = verifier_of(KEY, clock=clock)
    token = KEY.sign(CLAIMS)
    clock.now = NOW + timedelta(seconds=299, milliseconds=999)
    assert verifier.verify(token).user_id == "u1"
    clock.now = NOW + timedelta(seconds=300)
    refused = refusal(token, verifier)
    assert (refused.status, refused.slug) == (401, "token-expired")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token", error_description="expired"'
    assert refusal(KEY.sign({**CLAIMS, "exp": SECONDS}), verifier).slug == "token-expired"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_alg_none_is_refused(alg: str) -> None:
    header = {"alg": alg, "kid": "k1", "typ": "at+jwt"}
    for signature in ("", "x"):
        assert refusal(f"{b64(header)}.{b64(CLAIMS)}.{signature}").slug == "token-invalid"


def test_the_public_key_is_no_hmac_secret() -> None:
    header = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
    for secret in (KEY.public_pem(), KEY.public_pem().strip(), json.dumps(KEY.public_jwk()), KEY.public_jwk()["n"]):
        assert refusal(hmac_signed(header, secret)).slug == "token-invalid"


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_other_algorithms_of_the_same_key_are_refused(alg: str) -> None:
    key = RSAKey.import_key(KEY.to_pem())
    token = jwt.encode({"alg": alg, "kid": "k1", "typ": "at+jwt"}, CLAIMS, key, algorithms=[alg])
    assert refusal(token).slug == "token-invalid"


def test_a_foreign_key_under_our_kid_is_refused() -> None:
    assert refusal(FOREIGN_KEY.sign(CLAIMS)).slug == "token-invalid"


def test_a_key_inside_the_token_is_not_used() -> None:
    key = RSAKey.import_key(FOREIGN_KEY.to_pem())
    jwk = FOREIGN_KEY.public_jwk()
    for extra in ({"jwk": jwk}, {"jku": "http://evil.example/jwks"}, {"kid": "k1", "jwk": jwk}):
        header = {"alg": "RS256", "typ": "at+jwt", **extra}
        assert refusal(jwt.encode(header, CLAIMS, key, algorithms=["RS256"])).slug == "token-invalid"


@pytest.mark.parametrize("typ", ["JWT", "at+JWT", "application/at+jwt", ""])
def test_another_kind_of_token_of_the_same_issuer_is_refused(typ: str) -> None:
    assert refusal(KEY.sign(CLAIMS, typ)).slug == "token-invalid"


def test_a_token_of_no_kind_is_refused() -> None:
    key = RSAKey.import_key(KEY.to_pem())
    header = {"alg": "RS256", "kid": "k1"}
    assert refusal(jwt.encode(header, CLAIMS, key, algorithms=["RS256"], default_type=None)).slug == "token-invalid"


@pytest.mark.parametrize("kid", [None, 5, "", "../../etc/passwd", "k3", ["k1"], {"$ne": 1}])
def test_a_kid_that_is_missing_or_unknown_is_refused(kid: Any) -> None:
    header = {"alg": "RS256", "typ": "at+jwt", **({"kid": kid} if kid is not None else {})}
    token = f"{b64(header)}.{b64(CLAIMS)}.{KEY.sign(CLAIMS).rsplit('.', 1)[1]}"
    assert refusal(token).slug == "token-invalid"


def test_a_changed_payload_or_signature_is_refused_also_after_the_genuine_one() -> None:
    genuine = KEY.sign(CLAIMS)
    VERIFIER.verify(genuine)
    header, payload, signature = genuine.split(".")
    other = b64({**CLAIMS, "sub": "u2"})
    for token in (f"{header}.{other}.{signature}", f"{header}.{payload}.", f"{header}.{payload}", genuine + "A"):
        assert refusal(token).slug == "token-invalid"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "a.b.c.d.e", "é", "\x00", "e" * 8193, "." * 8000])
def test_what_is_no_token_is_refused(token: str) -> None:
    refused = refusal(token)
    assert (refused.status, refused.slug) == (401, "token-invalid")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@given(st.text(max_size=300))
def test_no_text_gets_past_a_401(text: str) -> None:
    assert refusal(text).status == 401


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=4) | st.just({})
)
def test_no_header_gets_past_a_401(header: Any) -> None:
    for content in (header, {"alg": header, "kid": "k1"}, {"alg": "RS256", "typ": "at+jwt", "kid": header}):
        assert refusal(f"{b64(json.dumps(content).encode())}.{b64(CLAIMS)}.AAAA").status == 401


def test_without_any_key_well_formed_tokens_wait_and_nonsense_is_still_refused() -> None:
    verifier = verifier_of()
    refused = refusal(KEY.sign(CLAIMS), verifier)
    assert isinstance(refused, Unavailable)
    assert (refused.status, refused.slug, refused.headers) == (503, "keys-unavailable", {"Retry-After": "2"})
    assert refusal("nonsense", verifier).slug == "token-invalid"


def test_a_withdrawn_key_ends_tokens_that_were_verified_before() -> None:
    source = source_of(KEY, NEXT_KEY)
    verifier = TokenVerifier(source, CLAIMS["iss"], CLAIMS["aud"], Clock())
    token = KEY.sign(CLAIMS)
    verifier.verify(token)
    source.replace({"keys": [NEXT_KEY.public_jwk()]})
    assert refusal(token, verifier).slug == "token-invalid"
    source.replace({"keys": [FOREIGN_KEY.public_jwk()]})  # the same kid, another key
    assert refusal(token, verifier).slug == "token-invalid"


async def test_a_token_of_a_new_key_waits_for_the_issuers_new_keys() -> None:
    published = [KEY]

    async def fetch(_: str) -> bytes:
        return json.dumps({"keys": [key.public_jwk() for key in published]}).encode()

    verifier = TokenVerifier(JwksSource("http://issuer", fetch), CLAIMS["iss"], CLAIMS["aud"], Clock())
    published.append(NEXT_KEY)
    assert (await verifier.authenticate(NEXT_KEY.sign(CLAIMS))).user_id == "u1"
    with pytest.raises(Problem, match="unknown key"):
        await verifier.authenticate(SigningKey.generate("k9").sign(CLAIMS))


def test_refusals_do_not_quote_the_token() -> None:
    token = FOREIGN_KEY.sign({**CLAIMS, "sub": "hunter2"})
    refused = refusal(token)
    assert refused.__suppress_context__
    assert not any(part in f"{refused} {refused.detail} {refused.headers}" for part in token.split("."))


def test_a_repeated_token_costs_no_signature_check(monkeypatch: pytest.MonkeyPatch) -> None:
    token = KEY.sign(CLAIMS)
    principal = VERIFIER.verify(token)
    monkeypatch.setattr("shared.plumbing.tokens.jwt.decode", None)  # would fail if it were asked again
    assert VERIFIER.verify(token) is principal
