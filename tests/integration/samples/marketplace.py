"""A marketplace as the sample add-on sees one: published keys, tokens, and the two addresses it calls back."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

KEY = "souk-sample"
WORKSPACE = "64a000000000000000000001"
HOOKS = {
    "INSTALLED": "installed",
    "DELETED": "deleted",
    "STATUS_CHANGED": "status-changed",
    "SETTINGS_UPDATED": "settings-updated",
}


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class Marketplace:
    url: str = ""
    keys: list[RSAKey] = field(default_factory=lambda: [new_key("first")])
    reachable: bool = True
    key_fetches: int = 0
    called_back: list[tuple[str, str | None]] = field(default_factory=list)

    def token(self, *, signed_by: RSAKey | None = None, addon_id: str, **claims: Any) -> str:
        now = int(time.time())
        chosen = signed_by or self.keys[-1]
        return jwt.encode(
            {"alg": "RS256", "kid": chosen.kid},
            {
                "iss": "clockify",
                "type": "addon",
                "sub": KEY,
                "workspaceId": WORKSPACE,
                "addonId": addon_id,
                "iat": now,
                "exp": now + 60,
            }
            | claims,
            chosen,
        )

    def body(self, kind: str, addon_id: str, *, key: str = KEY) -> dict[str, Any]:
        body: dict[str, Any] = {"addonId": addon_id, "workspaceId": WORKSPACE}
        if kind == "INSTALLED":
            backend_url = f"{self.url}/backend/"
            return body | {
                "authToken": self.token(addon_id=addon_id, sub=key, backendUrl=backend_url, jti="installation"),
                "asUser": "64c000000000000000000001",
                "apiUrl": f"{self.url}/api",
                "addonUserId": "64c000000000000000000002",
                "webhooks": [
                    {
                        "path": "//webhooks/timer-stopped",
                        "webhookType": "ADDON",
                        "authToken": self.token(addon_id=addon_id, sub=key, jti="webhook"),
                    }
                ],
            }
        return body

    def headers(self, kind: str, addon_id: str, *, number: int = 1, **claims: Any) -> dict[str, str]:
        return {
            "X-Addon-Lifecycle-Token": self.token(addon_id=addon_id, **claims),
            "webhook-id": f"{addon_id}-{kind}-{number}",
            "webhook-timestamp": str(int(time.time())),
            "webhook-signature": "v1a,made-up",
        }

    def call(self, base_url: str, kind: str, addon_id: str, *, number: int = 1, **more: Any) -> httpx.Response:
        """A lifecycle call as the marketplace makes it, for the add-on that serves `base_url`."""
        key = KEY + ("-" + base_url.rsplit("/", 1)[1] if "/x/" in base_url else "")
        return httpx.post(
            f"{base_url}/lifecycle/{HOOKS[kind]}",
            headers=self.headers(kind, addon_id, number=number, sub=key),
            json=self.body(kind, addon_id, key=key) | more,
            timeout=30,
        )


@contextmanager
def served(marketplace: Marketplace) -> Iterator[Marketplace]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not marketplace.reachable:
                self.send_error(503)
            elif self.path == "/.well-known/souk/addons.jwks.json":
                marketplace.key_fetches += 1
                self._send({"keys": [key.as_dict(private=False) for key in marketplace.keys]})
            else:
                marketplace.called_back.append((self.path, self.headers.get("X-Addon-Token")))
                self._send({"asked": self.path})

        def _send(self, document: dict[str, Any]) -> None:
            raw = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[:9])
            time.sleep(0.05)  # so that it comes in two pieces, as it may on any network
            self.wfile.write(raw[9:])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    marketplace.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield marketplace
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
