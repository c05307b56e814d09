import json
from typing import Any

import pytest

from shared.plumbing.keys import SigningKey, usable_keys


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate("k1")


def test_the_public_jwk_holds_nothing_private(key: SigningKey) -> None:
    jwk = key.public_jwk()
    assert set(jwk) == {"kty", "use", "alg", "kid", "n", "e"}
    assert (jwk["kty"], jwk["use"], jwk["alg"], jwk["kid"]) == ("RSA", "sig", "RS256", "k1")
    assert "PRIVATE" not in key.public_pem()


def test_a_key_survives_its_pem(key: SigningKey) -> None:
    again = SigningKey.from_pem(key.to_pem(), "k1")
    assert again.public_jwk() == key.public_jwk()
    assert again.sign({"a": 1}) == key.sign({"a": 1})


def test_equal_claims_give_equal_bytes(key: SigningKey) -> None:
    assert key.sign({"a": 1, "b": 2}, "JWT") == key.sign({"a": 1, "b": 2}, "JWT")


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC"},
        {"use": "enc"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"n": "AQAB"},
        {"n": "w" * 171},  # 1024 bits
        {"n": "w" * 2731},  # 16384 bits
        {"n": "!"},
        {"n": 5},
        {"kid": None},
        {"kid": 7},
    ],
)
def test_what_is_no_rs256_key_is_left_out(key: SigningKey, change: dict[str, Any]) -> None:
    good = key.public_jwk()
    assert list(usable_keys({"keys": [{**good, **change}, good]})) == ["k1"]
    assert usable_keys({"keys": [{**good, **change}]}) == {}


@pytest.mark.parametrize("text", ['{"keys": [null, 5, "x", [], {}]}', "{}", '{"keys": []}'])
def test_a_strange_document_has_no_keys(text: str) -> None:
    assert usable_keys(json.loads(text)) == {}
