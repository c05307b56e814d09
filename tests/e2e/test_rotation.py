"""Secrets and keys that change under an add-on that is installed, as its publisher's own server sees it."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace
from tests.e2e.publisher_site import Received, Site, says


@pytest.fixture
def key(marketplace: Marketplace, site: Site) -> str:
    """An add-on that the publisher serves, and that says yes to everything."""
    key = f"rotating-{secrets.token_hex(4)}"
    hooks = [{"type": kind, "path": f"/{key}/{kind}"} for kind in ("INSTALLED", "DELETED")]
    manifest = {
        "schemaVersion": "1.3",
        "key": key,
        "name": "Rotating",
        "description": "Verifies what it is sent.",
        "baseUrl": site.url,
        "minimalSubscriptionPlan": "FREE",
        "scopes": [],
        "lifecycle": hooks,
    }
    site.pages[f"/{key}.json"] = says(200, json.dumps(manifest).encode())
    for hook in hooks:
        site.pages[hook["path"]] = says(200, b"")
    marketplace.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest_url": f"{site.url}/{key}.json"})
    marketplace.look(key, marketplace.admin)  # as soon as the installer knows it
    return key


def signature(secret: str, call: Received) -> str:
    """Standard Webhooks, symmetric."""
    signed = b".".join([call.headers["webhook-id"].encode(), call.headers["webhook-timestamp"].encode(), call.body])
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def installed(marketplace: Marketplace, key: str, workspace: str) -> str:
    one = marketplace.request(key, workspace)
    marketplace.topics.wait("AddOnInstalled", installation_id=one)
    return one


def test_a_call_is_signed_by_each_secret_that_stands(
    marketplace: Marketplace, workspace: str, key: str, site: Site
) -> None:
    path = f"/api/installer/v1/addons/{key}/webhook-secrets"
    (old,) = marketplace.publisher.call("GET", path)["secrets"]
    new, kept = marketplace.publisher.call("POST", path, json={"keep_old_hours": 1})["secrets"]
    assert kept == old
    installed(marketplace, key, workspace)
    (call,) = site.to(f"/{key}/INSTALLED")
    assert call.headers["webhook-signature"].split(" ") == [signature(new, call), signature(old, call)]

    (last,) = marketplace.publisher.call("POST", path, json={"keep_old_hours": 0})["secrets"]
    installed(marketplace, key, marketplace.workspace())
    call = site.to(f"/{key}/INSTALLED")[-1]
    assert call.headers["webhook-signature"] == signature(last, call)


def test_after_an_emergency_an_installed_add_on_is_called_again_under_a_new_key(
    marketplace: Marketplace, workspace: str, key: str, site: Site
) -> None:
    def kid(call: Received) -> str:
        """Verified as an add-on does it, with the keys that are published now."""
        published = httpx.get(f"{marketplace.url}/.well-known/souk/addons.jwks.json").json()
        token = call.headers["x-addon-lifecycle-token"]
        verified = jws.deserialize_compact(token, KeySet.import_key_set(published), algorithms=["RS256"])
        return str(verified.headers()["kid"])

    one = installed(marketplace, key, workspace)
    (first,) = site.to(f"/{key}/INSTALLED")
    before = kid(first)
    path = f"/api/installer/v1/addons/{key}/signing-key"
    begun: dict[str, Any] = marketplace.operator.call("POST", path, json={"emergency": True})
    assert (begun["telling"], begun["installations"]) == (True, 1)

    again = eventually(lambda: site.to(f"/{key}/INSTALLED")[1:], "another INSTALLED")
    assert [call.headers["webhook-id"] for call in again] == [f"{one}-INSTALLED-2"]
    assert kid(again[0]) == begun["kid"] != before
    eventually(
        lambda: marketplace.publisher.call("GET", path)["unconfirmed"] == 0,
        "the confirmation under the new key",
    )
    assert marketplace.told(one) == [("InstallRequested", "1"), ("AddOnInstalled", "2")]
