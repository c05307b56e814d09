"""Believing a provider, and not believing anybody else."""

from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from services.auth.login.oidc import Attempt, OidcClient, Person
from services.auth.settings import ProviderSettings
from shared.plumbing.errors import Problem
from shared.plumbing.outgoing import OutgoingClient
from tests.unit.auth.provider import (
    EC,
    ISSUER,
    NEXT_RSA,
    RSA,
    Provider,
    signed_with_client_secret,
    signed_with_public_key,
    unsigned,
)

ATTEMPT = Attempt(state="state-1", nonce="nonce-1", verifier="v" * 43)
REDIRECT = "http://localhost:8080/login/callback/acme"


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def client_of(provider: Provider, **changes: Any) -> OidcClient:
    settings = {"id": "acme", "label": "Acme", "issuer": ISSUER, "client_id": "souk", "client_secret": "client-secret"}
    return OidcClient(
        ProviderSettings.model_validate(settings | changes), REDIRECT, cast("OutgoingClient", provider), _Clock()
    )


async def come_back(provider: Provider, attempt: Attempt = ATTEMPT, client: OidcClient | None = None) -> Person:
    client = client or client_of(provider)
    brought = provider.log_in(await client.authorization_url(attempt))
    return await client.person(brought["code"], None, attempt)


async def refusal_of(provider: Provider, client: OidcClient | None = None) -> str:
    with pytest.raises(Problem) as caught:
        await come_back(provider, client=client)
    return caught.value.slug


async def test_the_request_asks_for_a_code_bound_to_this_log_in() -> None:
    url = await client_of(Provider()).authorization_url(ATTEMPT)
    assert url.startswith(f"{ISSUER}/authorize?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked == {
        "response_type": "code",
        "client_id": "souk",
        "redirect_uri": REDIRECT,
        "scope": "openid profile email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM",
        "code_challenge_method": "S256",
    }


async def test_a_good_answer_names_the_person() -> None:
    person = await come_back(Provider())
    assert person == Person(sub="ada", email="ada@example.com", email_verified=True, name="Ada")


async def test_the_secret_is_sent_as_the_provider_takes_it() -> None:
    basic = Provider(metadata={"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]})
    await come_back(basic)
    (token_call,) = [call for call in basic.calls if call[1] == "/token"]
    assert token_call[2]["Authorization"] == "Basic c291azpjbGllbnQtc2VjcmV0"
    assert "client_secret" not in token_call[3]

    post = Provider(metadata={"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    await come_back(post)
    (token_call,) = [call for call in post.calls if call[1] == "/token"]
    assert "Authorization" not in token_call[2]
    assert token_call[3]["client_secret"] == "client-secret"


async def test_elliptic_keys_are_as_good() -> None:
    provider = Provider(keys=[RSA, EC], signing=EC, header={"alg": "ES256", "kid": "ec"})
    assert (await come_back(provider)).sub == "ada"


async def test_an_address_that_only_userinfo_tells_is_found_there() -> None:
    provider = Provider(user={"sub": "ada"}, userinfo={"sub": "ada", "email": "ada@example.com"})
    person = await come_back(provider)
    assert (person.email, person.email_verified) == ("ada@example.com", False)


async def test_userinfo_of_another_user_is_refused() -> None:
    provider = Provider(user={"sub": "ada"}, userinfo={"sub": "eve", "email": "ada@example.com"})
    assert await refusal_of(provider) == "login-failed"


# By names, because all workers of a run must call the tests alike.
WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "another audience": {"claims": {"aud": "another-client"}},
    "two audiences": {"claims": {"aud": ["souk", "other"]}},
    "another authorized party": {"claims": {"aud": ["souk", "other"], "azp": "other"}},
    "another nonce": {"claims": {"nonce": "of another log-in"}},
    "expired": {"claims": {"exp": 1}},
    "from the future": {"claims": {"iat": 4_000_000_000, "exp": 4_000_000_300}},
    "a number for a subject": {"claims": {"sub": 7}},
    "an empty subject": {"claims": {"sub": ""}},
    "a subject with NUL": {"claims": {"sub": "a\x00b"}},
    "a list of addresses": {"claims": {"email": ["ada@example.com"]}},
    "another access token's hash": {"claims": {"at_hash": "d3Jvbmc"}},
    "without nonce": {"without": ("nonce",)},
    "without audience": {"without": ("aud",)},
    "without issuer": {"without": ("iss",)},
    "without end": {"without": ("exp",)},
    "without subject": {"without": ("sub",)},
    "another key": {"signing": NEXT_RSA},
    "an unknown key": {"signing": RSAKey.generate_key(2048), "header": {"alg": "RS256", "kid": "unknown"}},
    "unsigned": {"sign": unsigned},
    "signed with the public key": {"sign": signed_with_public_key},
    "signed with the client's secret": {"sign": signed_with_client_secret},
    "no token": {"sign": lambda _, __: "no token"},
    "three letters": {"sign": lambda _, __: "a.b.c"},
    "nothing": {"sign": lambda _, __: ""},
    "not ASCII": {"sign": lambda _, __: "é" * 10},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_an_id_token_that_is_not_for_us_and_now_is_refused(wrong: dict[str, Any]) -> None:
    assert await refusal_of(Provider(**wrong)) == "login-failed"


async def test_a_code_of_another_log_in_is_refused() -> None:
    """Code injection: the stolen code does not fit this browser's verifier."""
    provider = Provider()
    client = client_of(provider)
    stolen = provider.log_in(await client.authorization_url(Attempt("s", "n", "w" * 43)))
    with pytest.raises(Problem) as caught:
        await client.person(stolen["code"], None, ATTEMPT)
    assert caught.value.slug == "login-failed"


async def test_an_answer_in_the_name_of_another_issuer_is_refused() -> None:
    """Mix-up (RFC 9207)."""
    provider = Provider()
    client = client_of(provider)
    brought = provider.log_in(await client.authorization_url(ATTEMPT))
    with pytest.raises(Problem) as caught:
        await client.person(brought["code"], "https://evil.example", ATTEMPT)
    assert caught.value.slug == "login-failed"
    assert [path for _, path, _, _ in provider.calls if path == "/token"] == []
    assert (await client.person(brought["code"], ISSUER, ATTEMPT)).sub == "ada"


async def test_a_provider_that_says_its_issuer_must_always_say_it() -> None:
    provider = Provider(metadata={"authorization_response_iss_parameter_supported": True})
    assert await refusal_of(provider) == "login-failed"


async def test_keys_may_change_between_two_log_ins() -> None:
    provider = Provider()
    client = client_of(provider)
    assert (await come_back(provider, client=client)).sub == "ada"
    provider.keys, provider.signing, provider.header = [NEXT_RSA], NEXT_RSA, {"alg": "RS256", "kid": "next"}
    assert (await come_back(provider, client=client)).sub == "ada"
    provider.signing, provider.header = RSA, {"alg": "RS256", "kid": "rsa"}
    assert await refusal_of(provider, client) == "login-failed"


async def test_made_up_keys_do_not_make_us_hammer_the_provider() -> None:
    provider = Provider()
    client = client_of(provider)
    await come_back(provider, client=client)
    provider.header = {"alg": "RS256", "kid": "made-up"}
    for _ in range(5):
        assert await refusal_of(provider, client) == "login-failed"
    assert len([path for _, path, _, _ in provider.calls if path == "/jwks"]) == 2  # at first, and once more


async def test_a_token_without_a_key_id_is_of_the_only_key() -> None:
    assert (await come_back(Provider(header={"alg": "RS256"}))).sub == "ada"
    assert await refusal_of(Provider(header={"alg": "RS256"}, keys=[RSA, NEXT_RSA])) == "login-failed"


@pytest.mark.parametrize(
    "broken",
    [
        {"down": True},
        {"metadata": {"issuer": "https://evil.example"}},
        {"metadata": {"token_endpoint": None}},
        {"answers": {"/.well-known/openid-configuration": (200, b"<html>")}},
        {"answers": {"/.well-known/openid-configuration": (200, b"[]")}},
        {"answers": {"/.well-known/openid-configuration": (301, b"")}},
        {"answers": {"/token": (500, b"")}},
        {"answers": {"/token": (200, b"<html>")}},
        {"answers": {"/jwks": (500, b"")}},
        {"answers": {"/jwks": (200, b"\xff")}},
    ],
    ids=str,
)
async def test_a_provider_that_does_not_work_is_named_as_the_one_at_fault(broken: dict[str, Any]) -> None:
    assert await refusal_of(Provider(**broken)) == "provider-unavailable"


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [1, null, {"kty": "RSA"}]}',
        b'{"keys": [{"kty": "oct", "k": "eA", "kid": "rsa"}]}',
    ],
)
async def test_a_key_set_without_usable_keys_verifies_nothing(document: bytes) -> None:
    assert await refusal_of(Provider(answers={"/jwks": (200, document)})) == "login-failed"


async def test_while_the_provider_is_away_what_it_said_before_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    client = client_of(provider)
    await come_back(provider, client=client)
    monkeypatch.setattr("services.auth.login.published._FRESH_SECONDS", 0)
    provider.down = True
    assert (await client.authorization_url(ATTEMPT)).startswith(f"{ISSUER}/authorize?")
