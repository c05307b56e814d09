"""What the sample product decides without talking to anybody."""

import json
from pathlib import Path
from typing import Any

import pytest

from samples.product.oidc_records import Client
from samples.product.settings import Settings
from samples.product.users import Users, add_first_users
from samples.product.workspaces import Workspaces

SECRETS = {"SAMPLE_PRODUCT_CLIENT_SECRET": "hush", "SAMPLE_PRODUCT_DIRECTORY_TOKEN": "hush"}


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "users.json")


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces.json")


def test_settings_have_no_default_secret_and_show_none() -> None:
    with pytest.raises(ValueError, match="SAMPLE_PRODUCT_CLIENT_SECRET, SAMPLE_PRODUCT_DIRECTORY_TOKEN"):
        Settings.from_env({})
    settings = Settings.from_env(SECRETS)
    assert "hush" not in repr(settings)
    assert settings.redirect_uri == "http://localhost:8080/login/callback/acme"
    assert settings.directory_url == "http://localhost:8080/api/auth/v1/directory/acme/workspaces"


def test_browsers_go_to_the_address_that_is_public() -> None:
    inside = {
        "SAMPLE_PRODUCT_SOUK_URL": "http://gateway:8080",
        "SAMPLE_PRODUCT_SOUK_PUBLIC_URL": "https://souk.example/",
    }
    settings = Settings.from_env(SECRETS | inside | {"SAMPLE_PRODUCT_PUBLIC_URL": "https://product.example"})
    assert settings.addons_url == "https://souk.example/?iss=https%3A%2F%2Fproduct.example"
    assert settings.redirect_uri == "https://souk.example/login/callback/acme"
    assert settings.directory_url == "http://gateway:8080/api/auth/v1/directory/acme/workspaces"


def test_first_users_get_passwords_of_their_own(users: Users, tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    add_first_users(users, "", path)
    passwords = json.loads(path.read_text())
    assert set(passwords) == {"admin@acme.example", "member@acme.example"}
    assert len(set(passwords.values())) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    for email, password in passwords.items():
        found = users.check(email.upper(), password)
        assert found is not None
        assert found.email == email
        assert password not in (tmp_path / "users.json").read_text()


def test_given_users_keep_their_subject_when_their_password_changes(users: Users, tmp_path: Path) -> None:
    def start(password: str) -> str:
        row = {"email": "ada@acme.example", "password": password}
        add_first_users(users, json.dumps([row]), tmp_path / "passwords.json")
        user = users.check("ada@acme.example", password)
        assert user is not None
        return user.sub

    first = start("first-password")
    assert start("second-password") == first
    assert users.check("ada@acme.example", "first-password") is None
    assert not (tmp_path / "passwords.json").exists()


def test_address_has_one_account_only(users: Users) -> None:
    users.add(email="ada@acme.example", name="Ada", password="long-enough-1", region="eu")
    with pytest.raises(ValueError, match="has an account already"):
        users.add(email=" ADA@acme.example ", name="Ada", password="long-enough-1", region="eu")


def test_claims_go_only_as_far_as_the_scopes(users: Users) -> None:
    user = users.add(email="ada@acme.example", name="Ada", password="long-enough-1", region="eu")
    assert user.claims("openid") == {"sub": user.sub, "region": "eu"}
    assert user.claims("openid email profile") == {
        "sub": user.sub,
        "region": "eu",
        "email": "ada@acme.example",
        "email_verified": False,
        "name": "Ada",
    }


def test_every_change_has_the_next_version_and_tells_the_watchers(workspaces: Workspaces, tmp_path: Path) -> None:
    told: list[str] = []
    workspaces.watch(told.append)
    created = workspaces.create(name="Kitchen", members={"sub-1": "owner"})
    changed = workspaces.change(created.id, plan="PRO", active=False)
    assert workspaces.change(created.id, plan="PRO") == changed
    assert (created.version, changed.version, told) == (1, 2, [created.id, created.id])
    assert changed.pushed() == {
        "version": 2,
        "name": "Kitchen",
        "region": "eu",
        "plan": "PRO",
        "requires_two_factor": False,
        "active": False,
        "members": [{"subject": "sub-1", "role": "owner"}],
    }
    again = Workspaces(tmp_path / "workspaces.json")
    again.watch(told.append)
    assert again.all() == [changed]
    assert told == [created.id] * 3


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": 3}, "wrong type: name"),
        ({"plan": "GOLD"}, "the plan one of FREE"),
        ({"region": "mars"}, "The region is one of"),
        ({"active": "yes"}, "wrong type: active"),
        ({"members": {"sub-1": "member"}}, "has to be the owner"),
        ({"members": {"sub-1": "owner", "sub-2": "king"}}, "roles are owner"),
    ],
)
def test_impossible_workspaces_are_refused(workspaces: Workspaces, fields: dict[str, Any], problem: str) -> None:
    created = workspaces.create(name="Kitchen", members={"sub-1": "owner"})
    with pytest.raises(ValueError, match=problem):
        workspaces.change(created.id, **fields)
    assert workspaces.get(created.id) == created


def test_only_owners_and_admins_change_a_workspace(workspaces: Workspaces) -> None:
    roles = {"sub-1": "owner", "sub-2": "admin", "sub-3": "member"}
    created = workspaces.create(name="Kitchen", members=roles)
    assert [created.may_change(sub) for sub in [*roles, "stranger"]] == [True, True, False, False]
    assert workspaces.of("sub-3") == [created]
    assert workspaces.of("stranger") == []


def test_client_is_known_by_its_exact_redirect_address_and_secret() -> None:
    client = Client("souk", "hush", "http://localhost:8080/login/callback/acme")
    assert client.check_redirect_uri("http://localhost:8080/login/callback/acme")
    assert not client.check_redirect_uri("http://localhost:8080/login/callback/acme/")
    assert client.check_client_secret("hush")
    assert not client.check_client_secret("hüsh")
    assert client.get_allowed_scope("email") is None
    assert client.get_allowed_scope("openid email payments") == "openid email"
