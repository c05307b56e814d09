"""What add-on tokens say, and which of those that come back are believed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from services.installer.addons import token_reading, tokens
from services.installer.addons.addresses import Addresses
from services.installer.addons.token_reading import AddOnToken, TokenRefusedError
from services.installer.addons.tokens import Holder, Use
from shared.plumbing.keys import SigningKey, usable_keys

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SECONDS = 1_772_366_400
KEY = SigningKey.generate("1-test")
OTHER_KEY = SigningKey.generate("2-test")
PUBLIC = usable_keys({"keys": [KEY.public_jwk()]})
HOLDER = Holder(issuer="clockify", addon_key="timer", workspace_id="a" * 24, installation_id="b" * 24)
ADDRESSES = Addresses(api_url="https://souk.example/addon-api", backend_url="https://souk.example/addon-api")


def installation_token(issued_at: datetime = NOW, key: SigningKey = KEY) -> str:
    return tokens.installation_token(key, HOLDER, issued_at, jti="j1", user_id="c" * 24, addresses=ADDRESSES)


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, PUBLIC["1-test"], algorithms=["RS256"]).claims


def signed(claims: dict[str, Any], key: SigningKey = KEY) -> str:
    return key.sign(claims, typ="JWT")


def test_a_lifecycle_token_says_what_the_platform_s_verifiers_check() -> None:
    claims = claims_of(tokens.lifecycle_token(KEY, HOLDER, NOW))
    assert claims == {
        "iss": "clockify",
        "sub": "timer",
        "type": "addon",
        "tokenUse": "lifecycle",
        "workspaceId": "a" * 24,
        "addonId": "b" * 24,
        "iat": SECONDS,
        "exp": SECONDS + 8 * 86_400,
    }


def test_an_installation_token_names_the_addresses_and_lasts_a_hundred_years() -> None:
    claims = claims_of(installation_token())
    assert claims["backendUrl"] == "https://souk.example/addon-api"
    assert claims["reportsUrl"] == "https://souk.example/addon-api/reports"
    assert claims["user"] == "c" * 24
    assert claims["jti"] == "j1"
    assert claims["exp"] == SECONDS + 36_500 * 86_400


def test_a_webhook_token_differs_by_path_only() -> None:
    first = tokens.webhook_token(KEY, HOLDER, NOW, jti="j1", path="/a")
    second = tokens.webhook_token(KEY, HOLDER, NOW, jti="j1", path="/b")
    assert first != second
    assert {name for name, value in claims_of(first).items() if claims_of(second)[name] != value} == {"path"}


def test_a_user_token_ends_after_half_an_hour() -> None:
    token = tokens.user_token(
        KEY,
        HOLDER,
        NOW,
        jti="u1",
        user_id="d" * 24,
        workspace_role="OWNER",
        language="EN",
        addresses=ADDRESSES,
    )
    assert claims_of(token)["exp"] - claims_of(token)["iat"] == 1800
    assert claims_of(token)["workspaceRole"] == "OWNER"
    assert token_reading.read(token, PUBLIC.get, "clockify", NOW).use is Use.USER
    with pytest.raises(TokenRefusedError, match="expired"):
        token_reading.read(token, PUBLIC.get, "clockify", NOW + timedelta(minutes=30))


def test_equal_claims_give_equal_bytes() -> None:
    assert installation_token() == installation_token()
    assert installation_token(NOW + timedelta(milliseconds=1)) == installation_token()
    assert installation_token(NOW + timedelta(seconds=1)) != installation_token()


def test_a_token_of_ours_is_read_back_whole() -> None:
    assert token_reading.read(installation_token(), PUBLIC.get, "clockify", NOW) == AddOnToken(
        use=Use.INSTALLATION,
        kid="1-test",
        jti="j1",
        addon_key="timer",
        workspace_id="a" * 24,
        installation_id="b" * 24,
        user_id="c" * 24,
        issued_at=SECONDS,
        expires_at=SECONDS + 36_500 * 86_400,
    )


def _unsigned() -> str:
    key = OctKey.import_key("x" * 32)
    return jwt.encode({"alg": "HS256", "kid": "1-test"}, {"iss": "clockify"}, key, algorithms=["HS256"])


def _signed_with_the_public_key() -> str:
    """The classic confusion: an HMAC with the public PEM as its secret."""
    key = OctKey.import_key(KEY.public_pem().replace("-----", "#####"))
    return jwt.encode({"alg": "HS256", "kid": "1-test"}, claims_of(installation_token()), key, algorithms=["HS256"])


GOOD = claims_of(installation_token())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no token",
        "eyJhbGciOiJub25lIiwia2lkIjoiMS10ZXN0In0.e30.",
        "é" * 20,
        "a." * 5000,
        _unsigned(),
        _signed_with_the_public_key(),
        installation_token(key=OTHER_KEY),
        installation_token()[:-4] + "AAAA",
        signed(GOOD | {"iss": "souk"}),
        signed(GOOD | {"type": "user"}),
        signed(GOOD | {"tokenUse": "master"}),
        signed(GOOD | {"iat": "yesterday"}),
        signed(GOOD | {"exp": True}),
        signed(GOOD | {"exp": SECONDS}),
        signed({name: value for name, value in GOOD.items() if name != "addonId"}),
        signed({name: value for name, value in GOOD.items() if name != "tokenUse"}),
    ],
)
def test_what_is_not_our_token_is_refused_without_quoting_it(token: str) -> None:
    with pytest.raises(TokenRefusedError) as refusal:
        token_reading.read(token, PUBLIC.get, "clockify", NOW)
    assert "eyJ" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_withdrawn_key_ends_its_tokens() -> None:
    def nothing(_: str) -> RSAKey | None:
        return None

    with pytest.raises(TokenRefusedError, match="unknown key"):
        token_reading.read(installation_token(), nothing, "clockify", NOW)
