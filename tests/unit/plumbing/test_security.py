"""How routes ask who is calling."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, Depends, FastAPI
from structlog.testing import capture_logs

from shared.plumbing.http import create_api
from shared.plumbing.security import (
    CurrentUser,
    JwksSource,
    Principal,
    SigningKey,
    TokenVerifier,
    optional_user,
    require_role,
)
from shared.plumbing.settings import PlatformSettings

KEY = SigningKey.generate("k1")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
router = APIRouter(prefix="/v1")


@router.get("/me")
async def me(user: CurrentUser) -> str:
    structlog.get_logger().info("seen")
    return user.user_id


@router.post("/me")
async def change_me(user: CurrentUser) -> str:
    return user.user_id


@router.get("/maybe")
async def maybe(user: Annotated[Principal | None, Depends(optional_user)]) -> str | None:
    return user.user_id if user else None


@router.get("/office")
async def office(user: Annotated[Principal, Depends(require_role("operator"))]) -> str:
    return user.user_id


async def no_fetch(_: str) -> bytes:
    raise ConnectionError


@pytest.fixture
def api() -> FastAPI:
    settings = PlatformSettings(
        public_url="http://x", mongo_url="mongodb://db", kafka_bootstrap_servers="k:1", users_jwks_url="http://x/jwks"
    )
    api = create_api(service="x", title="X", version="1", settings=settings, routers=[router])
    source = JwksSource("http://x/jwks", no_fetch)
    source.replace({"keys": [KEY.public_jwk()]})
    api.state.verifier = TokenVerifier(source, "iss", "aud", lambda: NOW)
    return api


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://x/v1") as client:
        yield client


def bearer(*roles: str, **claims: Any) -> dict[str, str]:
    seconds = int(NOW.timestamp())
    token = {
        "iss": "iss",
        "aud": "aud",
        "sub": "u1",
        "iat": seconds,
        "exp": seconds + 9,
        "roles": list(roles),
        **claims,
    }
    return {"Authorization": f"Bearer {KEY.sign(token)}"}


def told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["slug"]


async def test_a_user_is_known_by_a_bearer_token(client: httpx.AsyncClient) -> None:
    assert (await client.get("/me", headers=bearer())).json() == "u1"


async def test_without_a_token_there_is_a_challenge(client: httpx.AsyncClient) -> None:
    response = await client.get("/me")
    assert told(response) == (401, "token-missing")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x"])
async def test_other_credentials_are_no_token(client: httpx.AsyncClient, header: str) -> None:
    assert told(await client.get("/me", headers={"Authorization": header})) == (401, "token-missing")


async def test_a_token_in_the_address_or_a_cookie_does_not_count(client: httpx.AsyncClient) -> None:
    token = bearer()["Authorization"].removeprefix("Bearer ")
    response = await client.get(f"/me?access_token={token}", headers={"cookie": f"access_token={token}"})
    assert told(response) == (401, "token-missing")


async def test_where_a_user_is_optional_a_wrong_token_is_still_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/maybe")).json() is None
    assert (await client.get("/maybe", headers=bearer())).json() == "u1"
    assert told(await client.get("/maybe", headers={"Authorization": "Bearer x"})) == (401, "token-invalid")
    assert told(await client.get("/maybe", headers=bearer(exp=1))) == (401, "token-expired")


async def test_a_role_is_required(client: httpx.AsyncClient) -> None:
    assert (await client.get("/office", headers=bearer("publisher", "operator"))).json() == "u1"
    refused = await client.get("/office", headers=bearer("publisher"))
    assert told(refused) == (403, "role-required")
    assert refused.json()["role"] == "operator"
    assert told(await client.get("/office")) == (401, "token-missing")


async def test_without_keys_it_is_our_fault_and_passes(api: FastAPI, client: httpx.AsyncClient) -> None:
    api.state.verifier = TokenVerifier(JwksSource("http://x", no_fetch), "iss", "aud", lambda: NOW)
    response = await client.get("/me", headers=bearer())
    assert told(response) == (503, "keys-unavailable")
    assert response.headers["retry-after"] == "2"


async def test_the_user_is_on_every_log_line_of_the_request(client: httpx.AsyncClient) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await client.get("/me", headers=bearer())
        await client.get("/maybe")
    assert [(line["event"], line.get("user_id")) for line in logs] == [
        ("seen", "u1"),
        ("request", "u1"),
        ("request", None),
    ]


async def test_openapi_names_the_scheme(api: FastAPI) -> None:
    document = api.openapi()
    scheme = document["components"]["securitySchemes"]["user"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert document["paths"]["/v1/office"]["get"]["security"] == [{"user": []}]


@pytest.mark.parametrize(
    ("scope", "looks", "changes"),
    [
        ("x:read", True, False),
        ("x:write", True, True),
        ("x:read x:write", True, True),
        ("", False, False),
        ("other:write other:read", False, False),
        ("x", False, False),
        ("x:readwrite x:* *:write X:WRITE", False, False),
    ],
)
async def test_a_programs_token_opens_what_its_scopes_say(
    client: httpx.AsyncClient, scope: str, *, looks: bool, changes: bool
) -> None:
    for path in ("/me", "/maybe", "/office"):
        looked = await client.get(path, headers=bearer("operator", scope=scope))
        assert looked.status_code == (200 if looks else 403)
    changed = await client.post("/me", headers=bearer(scope=scope))
    assert changed.status_code == (200 if changes else 403)
    for refused, needed in ((looked, "x:read"), (changed, "x:write")):
        if refused.status_code == 403:
            assert told(refused) == (403, "scope-missing")
            assert refused.json()["scope"] == needed
            assert f'scope="{needed}"' in refused.headers["www-authenticate"]


async def test_a_scope_gives_no_role(client: httpx.AsyncClient) -> None:
    assert told(await client.get("/office", headers=bearer(scope="x:write"))) == (403, "role-required")


@pytest.mark.parametrize("scope", [None, 1, ["x:write"], {"x:write": True}])
async def test_scopes_that_are_no_text_make_the_token_invalid(client: httpx.AsyncClient, scope: object) -> None:
    assert told(await client.get("/me", headers=bearer(scope=scope))) == (401, "token-invalid")


async def test_openapi_says_that_a_scope_may_be_missing(api: FastAPI) -> None:
    for operations in api.openapi()["paths"].values():
        for operation in operations.values():
            assert "`scope-missing`" in operation["responses"]["403"]["description"]
