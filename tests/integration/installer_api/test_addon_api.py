"""The wire contract's endpoints, called as an add-on calls them."""

from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from services.installer.domain import Call, Kind
from services.installer.saga.inputs import CancelAsked, Result, UninstallAsked
from services.installer.web import routes
from shared.contracts.reasons import Side
from tests.integration.installer_api.conftest import MANIFEST, Installer
from tests.users import new_id

INVALID = {"message": "Token is not valid", "code": 4017}


class AddOn:
    """An add-on that was told INSTALLED, with what it was told."""

    def __init__(self, installer: Installer, one: str, user: str, member: str, workspace: str) -> None:
        self.installer, self.one, self.user, self.member, self.workspace = installer, one, user, member, workspace
        self.body: dict[str, Any] = {}

    async def reads_its_mail(self) -> None:
        """Take the INSTALLED that the worker would send now."""
        one = await self.installer.store.find(self.one)
        assert one is not None
        assert one.tokens is not None
        key = await self.installer.keys.signing_key(one.tokens.kid)
        self.body = orjson.loads(
            self.installer.signer.prepare(one, Call(Kind.INSTALLED, 1, one.requested_at), key).body
        )

    async def calls(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"X-Addon-Token": self.body["authToken"] if token is None else token}
        return await self.installer.client.request(method, f"/addon-api{path}", headers=headers, **more)

    async def reads(self, token: str | None = None) -> list[int]:
        paths = (
            f"/v1/workspaces/{self.workspace}",
            f"/addon/workspaces/{self.workspace}/user",
            f"/addon/workspaces/{self.workspace}/settings",
            "/addon/token",
        )
        return [(await self.calls("GET", path, token)).status_code for path in paths]

    async def writes(self, token: str | None = None) -> list[int]:
        change = [{"id": "a.$b", "value": 6}]
        return [
            (await self.calls("PATCH", f"/addon/workspaces/{self.workspace}/settings", token, json=change)).status_code,
            (await self.calls("POST", f"/addon/user/{self.member}/token", token)).status_code,
        ]

    async def user_token(self, user_id: str) -> str:
        response = await self.calls("POST", f"/addon/user/{user_id}/token")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain")
        return response.text


@pytest.fixture
async def addon(installer: Installer) -> AddOn:
    """In the middle of its INSTALLED."""
    user, member = await installer.user(locale="de"), await installer.user()
    workspace = await installer.workspace(user, name="Acme", plan="PRO", members=[member])
    one = (await installer.ask(user, workspace, await installer.addon())).json()["id"]
    await installer.delivers(one)
    found = AddOn(installer, one, user, member, workspace)
    await found.reads_its_mail()
    return found


async def test_before_it_confirmed_an_add_on_may_only_read(addon: AddOn) -> None:
    assert await addon.reads() == [200] * 4
    assert await addon.writes() == [403, 403]
    refused = await addon.calls("POST", f"/addon/user/{addon.member}/token")
    assert refused.json() == {"message": "The installation is not active; its token may only read", "code": 403}
    assert (await addon.calls("GET", "/addon/token")).json()["access"] == "read"


async def test_the_write_that_installs_switches_everything_on(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    assert await addon.reads() == [200] * 4
    assert await addon.writes() == [200, 200]
    assert (await addon.calls("GET", "/addon/token")).json()["access"] == "full"


async def test_refusing_the_install_kills_the_tokens_at_once(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.REFUSED, side=Side.ADDON))
    assert await addon.reads() == [401] * 4
    assert await addon.writes() == [401] * 2


async def test_cancelling_kills_the_tokens_at_once(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, CancelAsked(addon.user))
    response = await addon.calls("GET", f"/v1/workspaces/{addon.workspace}")
    assert (response.status_code, response.json()) == (401, INVALID)


async def test_uninstalling_kills_all_tokens_at_once(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    person = await addon.user_token(addon.member)
    assert await addon.reads(person) == [200] * 4
    await addon.installer.lives_through(addon.one, UninstallAsked(addon.user))
    assert await addon.reads() == [401] * 4
    assert await addon.reads(person) == [401] * 4


async def test_an_add_on_learns_its_workspace_and_the_person_it_acts_as(addon: AddOn) -> None:
    workspace = await addon.calls("GET", f"/v1/workspaces/{addon.workspace}")
    assert workspace.json() == {
        "id": addon.workspace,
        "name": "Acme",
        "featureSubscriptionType": "PRO",
        "product": "clock",
        "region": "",
    }
    person = (await addon.calls("GET", f"/addon/workspaces/{addon.workspace}/user")).json()
    assert (person["id"], person["name"], person["workspaceRole"]) == (addon.user, "Ada", "OWNER")
    assert person["settings"] == {"lang": "DE"}
    about = (await addon.calls("GET", "/addon/token")).json()
    assert (about["tokenUse"], about["addonId"], about["scopes"]) == ("installation", addon.one, ["WORKSPACE_READ"])


async def test_a_person_s_token_has_that_person_s_rights(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    owner, member = await addon.user_token(addon.user), await addon.user_token(addon.member)
    key = RSAKey.import_key((await addon.installer.client.get("/.well-known/souk/addons.pem")).text)
    claims = jwt.decode(member, key, algorithms=["RS256"]).claims
    assert (claims["user"], claims["workspaceRole"], claims["exp"] - claims["iat"]) == (addon.member, "USER", 1800)
    assert claims["iss"] == "clockify"
    person = (await addon.calls("GET", f"/addon/workspaces/{addon.workspace}/user", member)).json()
    assert person["id"] == addon.member
    assert await addon.writes(member) == [403, 403]
    assert await addon.writes(owner) == [200, 403]
    stranger = await addon.installer.user()
    for nobody in (stranger, new_id(), "nonsense"):
        refused = await addon.calls("POST", f"/addon/user/{nobody}/token")
        assert (refused.status_code, refused.json()) == (404, {"message": "User not found", "code": 404})


async def test_whoever_leaves_the_workspace_takes_no_rights_along(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    member = await addon.user_token(addon.member)
    assert await addon.reads(member) == [200] * 4
    await addon.installer.workspace(addon.user, workspace_id=addon.workspace)
    assert await addon.reads(member) == [401] * 4
    left = await addon.calls("GET", f"/addon/workspaces/{addon.workspace}/settings", member)
    assert left.json() == INVALID
    assert await addon.reads() == [200] * 4, "the add-on itself is still installed"


async def test_settings_are_the_manifest_s_form_with_what_was_set(addon: AddOn) -> None:
    path = f"/addon/workspaces/{addon.workspace}/settings"
    assert (await addon.calls("GET", path)).json() == MANIFEST["settings"]
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    written = await addon.calls("PATCH", path, json=[{"id": "a.$b", "value": 7}])
    assert (written.status_code, written.json()["tabs"][0]["settings"][0]["value"]) == (200, 7)
    assert (await addon.calls("GET", path)).json() == written.json()
    assert (await addon.installer.store.find(addon.one)).settings == {"a.$b": 7}  # type: ignore[union-attr] # it exists


async def test_a_setting_that_does_not_fit_changes_nothing(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    path = f"/addon/workspaces/{addon.workspace}/settings"
    bodies: list[Any] = [
        [{"id": "a.$b", "value": "text"}],
        [{"id": "fixed", "value": "y"}],
        [{"id": "a.$b", "value": 1}, {"id": "unknown", "value": 1}],
        {"id": "a.$b", "value": 1},
        [],
    ]
    for body in bodies:
        refused = await addon.calls("PATCH", path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, 400)
    headers = {"Content-Type": "application/json", "X-Addon-Token": addon.body["authToken"]}
    broken = await addon.installer.client.patch(f"/addon-api{path}", content=b"[", headers=headers)
    assert broken.status_code == 400
    assert (await addon.calls("GET", path)).json() == MANIFEST["settings"]


async def test_settings_do_not_grow_beyond_what_an_installation_holds(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    path = f"/addon/workspaces/{addon.workspace}/settings"
    refused = await addon.calls("PATCH", path, json=[{"id": "people", "value": ["x" * 9_000] * 30}])
    assert (refused.status_code, refused.json()["code"]) == (400, 400)
    assert "200,000 bytes" in refused.json()["message"]
    assert (await addon.calls("GET", path)).json() == MANIFEST["settings"]


async def test_no_token_but_the_right_one_opens_anything(addon: AddOn) -> None:
    await addon.installer.lives_through(addon.one, addon.installer.reported(Result.OK))
    session = addon.installer.as_(addon.user)["Authorization"].removeprefix("Bearer ")
    bad = ["", "x", "eyJhbGciOiJub25lIn0.e30.", session, addon.body["authToken"][:-3] + "AAA"]
    for token in bad:
        response = await addon.calls("GET", "/addon/token", token)
        assert (response.status_code, response.json()) == (401, INVALID)
    response = await addon.installer.client.get("/addon-api/addon/token")
    assert (response.status_code, response.json()) == (401, INVALID)


async def test_an_add_on_token_is_no_user_token(addon: AddOn) -> None:
    headers = {"Authorization": f"Bearer {addon.body['authToken']}"}
    response = await addon.installer.client.get(f"/api/installer/v1/installations/{addon.one}", headers=headers)
    assert (response.status_code, response.json()["slug"]) == (401, "token-invalid")


async def test_no_workspace_but_its_own_exists_for_an_add_on(addon: AddOn) -> None:
    for foreign in (await addon.installer.workspace(addon.user), new_id(), "nonsense"):
        for path in (f"/v1/workspaces/{foreign}", f"/addon/workspaces/{foreign}/user"):
            response = await addon.calls("GET", path)
            assert (response.status_code, response.json()) == (404, {"message": "Workspace not found", "code": 404})


async def test_an_unknown_route_is_told_in_the_platform_s_words(addon: AddOn) -> None:
    for method in ("GET", "POST", "DELETE"):
        response = await addon.calls(method, "/v1/projects")
        assert (response.status_code, response.json()) == (404, {"message": "No route v1/projects", "code": 3000})


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does not end, however long the requests take."""
    monkeypatch.setattr(routes, "time", SimpleNamespace(monotonic=lambda: 0.0))


async def test_more_than_fifty_requests_a_second_are_too_many(one_second: None, addon: AddOn) -> None:
    answers = [await addon.calls("GET", "/addon/token") for _ in range(52)]
    assert [answer.status_code for answer in answers] == [200] * 50 + [429] * 2
    assert answers[-1].json() == {"message": "Too many requests", "code": 429}
    assert answers[-1].headers["retry-after"] == "1"


async def test_a_published_key_verifies_what_the_add_on_was_told(addon: AddOn) -> None:
    response = await addon.installer.client.get("/.well-known/souk/addons.jwks.json")
    assert response.headers["cache-control"] == "public, max-age=300"
    (public,) = response.json()["keys"]
    assert set(public) == {"kty", "use", "alg", "kid", "n", "e"}
    claims = jwt.decode(addon.body["authToken"], RSAKey.import_key(public), algorithms=["RS256"]).claims
    assert claims["addonId"] == addon.one


async def test_webhook_secrets_are_for_the_publisher(installer: Installer) -> None:
    publisher = await installer.user()
    key = await installer.addon(publisher_id=publisher)
    path = f"/addons/{key}/webhook-secrets"
    response = await installer.get(path, publisher)
    assert response.headers["cache-control"] == "no-store"
    secrets = (await installer.keys.assigned([key]))[key]
    assert response.json() == {"kid": secrets.kid, "secrets": list(secrets.webhook_secrets)}
    assert (await installer.get(path, await installer.user(), "operator")).status_code == 200
    refused = await installer.get(path, await installer.user())
    assert (refused.status_code, refused.json()["slug"]) == (403, "not-the-publisher")
