"""Manifests that are none, and addresses that must not be called: refused with the reason."""

import json
import secrets

import pytest

from tests.e2e.marketplace import Marketplace
from tests.e2e.people import Caller
from tests.e2e.publisher_site import Answer, Handler, Site, pours, says

MANIFEST = json.dumps(
    {"schemaVersion": "1.3", "key": "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "name": "Caf"}, ensure_ascii=False
)


def drips(handler: Handler) -> None:
    """An answer that begins and does not end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()
    handler.rfile.read(1)  # until the other side hangs up


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (says(200, b"<!doctype html><p>Welcome", "text/html"), "manifest-invalid html"),
        (says(200, b'{"schemaVersion": ', "application/json"), "manifest-invalid json"),
        (says(200, MANIFEST.encode("latin-1")), "manifest-invalid encoding"),
        (says(200, MANIFEST.encode("utf-16")), "manifest-invalid encoding"),
        (says(200, b"not gzip", Content_Encoding="gzip"), "manifest-invalid json"),
        (says(302, b"", Location="http://127.0.0.1:1/manifest.json"), "manifest-redirects"),
        (says(500, b"oops", "text/plain"), "manifest-status"),
        (pours(50), "manifest-too-large"),
        (drips, "manifest-unreachable"),
    ],
    ids=["html", "cut", "latin-1", "utf-16", "false-gzip", "redirect", "error", "50-mb", "endless"],
)
def test_a_manifest_that_is_none_is_refused_with_the_reason(
    mallory: Caller, site: Site, answer: Answer, refusal: str
) -> None:
    path = f"/{secrets.token_hex(6)}/manifest.json"
    site.pages[path] = answer

    refused = mallory.send("POST", "/api/catalog/v1/addons", json={"manifest_url": site.url + path})

    assert refused.status_code == 422
    slug, *rules = refusal.split()
    assert refused.json()["slug"] == slug, refused.text
    assert [error["rule"] for error in refused.json().get("errors", ())] == rules


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{mongo}/",
        "http://localhost:{installer_internal}/metrics",
        "http://[::1]:{kafka}/",
        "http://2130706433:{auth}/.well-known/souk/users.jwks.json",
        "http://0.0.0.0:{gateway}/",
        "http://[::ffff:127.0.0.1]:{catalog}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/manifest.json",
        "http://user:password@192.168.1.1/manifest.json",
    ],
)
def test_a_private_address_is_not_called(marketplace: Marketplace, mallory: Caller, url: str) -> None:
    address = url.format(**marketplace.stack.plan.ports)

    refused = mallory.send("POST", "/api/catalog/v1/addons", json={"manifest_url": address})

    assert (refused.status_code, refused.json()["slug"]) == (422, "manifest-address-blocked"), refused.text


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x", "javascript:alert(1)", "", "http://", "http://a b/"]
)
def test_what_is_no_web_address_is_refused(mallory: Caller, url: str) -> None:
    refused = mallory.send("POST", "/api/catalog/v1/addons", json={"manifest_url": url})

    assert refused.status_code == 422, refused.text


def test_an_addon_whose_address_turns_private_is_not_called_there(
    marketplace: Marketplace, mallory: Caller, workspace: str, site: Site
) -> None:
    key, port = f"turncoat-{secrets.token_hex(4)}", marketplace.stack.plan.ports["installer_internal"]
    manifest = {
        "schemaVersion": "1.3",
        "key": key,
        "name": "Turncoat",
        "baseUrl": f"http://127.0.0.1:{port}",
        "minimalSubscriptionPlan": "FREE",
        "scopes": [],
        "lifecycle": [{"type": "INSTALLED", "path": "/installed"}],
    }
    site.pages[f"/{key}.json"] = says(200, json.dumps(manifest).encode())
    published = mallory.send("POST", "/api/catalog/v1/addons", json={"manifest_url": f"{site.url}/{key}.json"})

    if published.status_code == 422:  # refused even earlier
        assert published.json()["slug"] == "manifest-invalid"
        return
    installation = marketplace.request(key, workspace)
    shown = marketplace.outcome(installation, "failed")
    assert shown["reason"] == "addon-address-blocked"
