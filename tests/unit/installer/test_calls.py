"""Lifecycle calls as an add-on receives them."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from joserfc import jwt

from services.installer.addons.addresses import Addresses, address_book
from services.installer.delivery.prepared import NotCallableError, Signer
from services.installer.domain import Call, Check, Installation, Kind, Snapshot, Tokens, Workspace
from shared.contracts.installer import State
from shared.plumbing.keys import SigningKey, usable_keys

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = 1_772_366_400
KEY = SigningKey.generate("1-test")
PUBLIC = usable_keys({"keys": [KEY.public_jwk()]})["1-test"]
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()
SIGNER = Signer(
    "clockify", address_book("https://souk.example", None, None, {"eu": {"api_url": "https://eu.example/api"}})
)
SNAPSHOT = Snapshot(
    manifest_version=3,
    base_url="https://addon.example/base",
    lifecycle={"INSTALLED": "/lifecycle/installed", "DELETED": "lifecycle/deleted", "STATUS_CHANGED": "/status"},
    webhooks=({"path": "/hooks/a", "event": "NEW_TASK"}, {"path": "hooks/b", "event": "NEW_TAG"}),
)
INSTALLATION = Installation(
    id="b" * 24,
    workspace_id="a" * 24,
    addon_key="timer",
    addon_name="Timer",
    generation=1,
    user_id="c" * 24,
    request="",
    if_unavailable="wait",
    acknowledged=(),
    correlation_id="corr",
    requested_at=NOW,
    changed_at=NOW,
    state=State.DELIVERING,
    check=Check(1, NOW),
    workspace=Workspace(owner_id="d" * 24),
    snapshot=SNAPSHOT,
    tokens=Tokens(jti="j1", iat=SECONDS, kid="1-test"),
)


def call(kind: Kind, number: int = 1) -> Call:
    return Call(kind, number, created_at=NOW + timedelta(seconds=5))


def body_of(kind: Kind, details: dict[str, Any] | None = None, installation: Installation = INSTALLATION) -> Any:
    return orjson.loads(SIGNER.prepare(installation, call(kind), KEY, details).body)


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, PUBLIC, algorithms=["RS256"]).claims


def test_installed_says_what_the_wire_contract_lists() -> None:
    body = body_of(Kind.INSTALLED)
    tokens = [body.pop("authToken"), *(hook.pop("authToken") for hook in body["webhooks"])]
    assert body == {
        "addonId": "b" * 24,
        "workspaceId": "a" * 24,
        "asUser": "c" * 24,
        "apiUrl": "https://souk.example/addon-api",
        "addonUserId": "c" * 24,
        "webhooks": [
            {"path": "/hooks/a", "webhookType": "ADDON"},
            {"path": "hooks/b", "webhookType": "ADDON"},
        ],
    }
    assert [claims_of(token)["tokenUse"] for token in tokens] == ["installation", "webhook", "webhook"]
    assert claims_of(tokens[0])["user"] == "d" * 24
    assert len(set(tokens)) == 3


def test_deleted_and_the_changes_say_what_the_wire_contract_lists() -> None:
    ids = {"addonId": "b" * 24, "workspaceId": "a" * 24}
    assert body_of(Kind.DELETED) == ids | {"asUser": "c" * 24}
    assert body_of(Kind.STATUS_CHANGED, {"status": "INACTIVE"}) == ids | {"status": "INACTIVE"}
    declared = replace(SNAPSHOT, lifecycle={"SETTINGS_UPDATED": "/settings"})
    settings = {"settings": [{"id": "text", "name": "What to say", "value": ["a", 1, True]}]}
    installation = replace(INSTALLATION, snapshot=declared)
    assert body_of(Kind.SETTINGS_UPDATED, settings, installation) == ids | settings


def test_every_attempt_of_a_call_has_the_same_bytes_but_for_its_signature() -> None:
    first = SIGNER.prepare(INSTALLATION, call(Kind.INSTALLED), KEY)
    again = SIGNER.prepare(INSTALLATION, call(Kind.INSTALLED), KEY)
    assert first == again
    early = first.headers_at(NOW, [SECRET])
    late = again.headers_at(NOW + timedelta(hours=1), [SECRET])
    assert {name for name in early if early[name] != late[name]} == {"webhook-timestamp", "webhook-signature"}
    assert early["webhook-id"] == f"{'b' * 24}-INSTALLED-1"
    assert early["Content-Type"] == "application/json"
    assert early["User-Agent"] == "Souk-Installer/1"


def test_the_lifecycle_token_is_as_old_as_the_call() -> None:
    claims = claims_of(SIGNER.prepare(INSTALLATION, call(Kind.DELETED), KEY).headers["X-Addon-Lifecycle-Token"])
    assert (claims["iss"], claims["sub"], claims["addonId"]) == ("clockify", "timer", "b" * 24)
    assert claims["iat"] == SECONDS + 5


def test_a_call_is_signed_with_every_secret_that_stands() -> None:
    prepared = SIGNER.prepare(INSTALLATION, call(Kind.DELETED, 7), KEY)
    headers = prepared.headers_at(NOW, [SECRET, OLD_SECRET])
    content = f"{'b' * 24}-DELETED-7.{SECONDS}.".encode() + prepared.body
    expected = [base64.b64encode(hmac.digest(key * 32, content, hashlib.sha256)).decode() for key in (b"s", b"o")]
    assert headers["webhook-timestamp"] == str(SECONDS)
    assert headers["webhook-signature"] == f"v1,{expected[0]} v1,{expected[1]}"


@pytest.mark.parametrize("base", ["https://addon.example/base", "https://addon.example/base/"])
@pytest.mark.parametrize("path", ["installed", "/installed", "//installed"])
def test_every_mix_of_slashes_leads_to_the_same_place(base: str, path: str) -> None:
    snapshot = replace(SNAPSHOT, base_url=base, lifecycle={"INSTALLED": path})
    prepared = SIGNER.prepare(replace(INSTALLATION, snapshot=snapshot), call(Kind.INSTALLED), KEY)
    assert prepared.url == "https://addon.example/base/installed"


def test_a_region_with_addresses_of_its_own_gives_them_to_its_add_ons() -> None:
    body = body_of(Kind.INSTALLED, installation=replace(INSTALLATION, workspace=Workspace("d" * 24, region="eu")))
    assert body["apiUrl"] == "https://eu.example/api"
    assert claims_of(body["authToken"])["backendUrl"] == "https://souk.example/addon-api"
    assert SIGNER.addresses.of("us") == Addresses("https://souk.example/addon-api", "https://souk.example/addon-api")


@pytest.mark.parametrize(
    "installation",
    [
        replace(INSTALLATION, snapshot=None),
        replace(INSTALLATION, tokens=None),
        replace(INSTALLATION, snapshot=replace(SNAPSHOT, lifecycle={})),
    ],
)
def test_what_cannot_be_called_is_not(installation: Installation) -> None:
    with pytest.raises(NotCallableError):
        SIGNER.prepare(installation, call(Kind.INSTALLED), KEY)
