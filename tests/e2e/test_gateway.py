"""The one door, with the real services behind it."""

import contextlib
import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.local.stack import Stack
from tests.e2e.marketplace import INSTALLATIONS, Marketplace
from tests.uploads import upload

STRICT = "default-src 'none'; frame-ancestors 'none'"
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": STRICT,
}


@pytest.mark.parametrize("service", ["auth", "catalog", "installer", "notifier"])
def test_each_service_is_behind_its_path(marketplace: Marketplace, service: str) -> None:
    document = httpx.get(f"{marketplace.url}/api/{service}/openapi.json").json()

    assert any(path.startswith(f"/api/{service}/v1/") for path in document["paths"])


def test_keys_of_users_and_of_addons_are_published_apart(marketplace: Marketplace) -> None:
    known = f"{marketplace.url}/.well-known/souk"
    users, addons = (httpx.get(f"{known}/{name}.jwks.json").json()["keys"] for name in ("users", "addons"))

    assert users
    assert not {key["n"] for key in users} & {key["n"] for key in addons}
    assert not any({"d", "p", "q"} & key.keys() for key in (*users, *addons))
    assert httpx.get(f"{known}/addons.pem").text.startswith("-----BEGIN PUBLIC KEY-----")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/catalog/v1/addons", 200), ("/api/auth/v1/me", 401), ("/api/notifier/v1/none", 404), ("/api/none", 404)],
)
def test_every_answer_has_the_safe_headers(marketplace: Marketplace, path: str, status: int) -> None:
    answer = httpx.get(marketplace.url + path)

    assert answer.status_code == status
    assert {name: answer.headers.get_list(name) for name in SAFE} == {name: [value] for name, value in SAFE.items()}
    assert "Server" not in answer.headers


@pytest.mark.parametrize("path", ["/live", "/ready", "/metrics", "/api/auth/live", "/api/installer/metrics", "/docs"])
def test_health_and_metrics_are_not_to_be_had(marketplace: Marketplace, path: str) -> None:
    answer = httpx.get(marketplace.url + path)

    assert answer.status_code == 404
    assert answer.json()["slug"] == "not-found"


def test_a_request_id_goes_through_to_the_problem(marketplace: Marketplace) -> None:
    given = httpx.get(f"{marketplace.url}/api/auth/v1/me", headers={"X-Request-Id": "given-by-test-1"})
    unfit = httpx.get(f"{marketplace.url}/api/auth/v1/me", headers={"X-Request-Id": "<script>"})

    assert given.headers.get_list("X-Request-Id") == ["given-by-test-1"]
    assert given.json()["correlation_id"] == "given-by-test-1"
    assert re.fullmatch(r"[0-9a-f-]{36}", unfit.headers["X-Request-Id"])
    assert unfit.json()["correlation_id"] == unfit.headers["X-Request-Id"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_ends_at_the_gateway(marketplace: Marketplace, *, chunked: bool) -> None:
    answer = upload(f"{marketplace.url}/api/catalog/v1/addons", b"x" * 2_000_000, chunked=chunked)

    assert (answer.status, answer.document["slug"]) == (413, "body-too-large")


def test_a_claimed_address_is_not_believed(marketplace: Marketplace) -> None:
    body = {"email": marketplace.operator.email, "password": marketplace.operator.password}
    spoof = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}

    session = marketplace.operator.send("POST", "/api/auth/v1/sessions", json=body, headers=spoof).json()

    rows = marketplace.operator.call("GET", "/api/auth/v1/sessions")
    (row,) = [one for one in rows if one["id"] == session["session_id"]]
    assert row["network"] in {"127.0.0.1", "::/64"}


def test_a_service_that_is_away_is_a_problem_of_the_gateways_own(marketplace: Marketplace, stack: Stack) -> None:
    stack.stop("catalog")
    try:
        away = httpx.get(f"{marketplace.url}/api/catalog/v1/addons", headers={"X-Request-Id": "away-0001"}, timeout=20)
        others = marketplace.admin.send("GET", f"{INSTALLATIONS}?workspace={'f' * 24}")
    finally:
        stack.start("catalog")

    assert away.status_code in {502, 503}
    assert away.headers["Content-Type"] == "application/problem+json"
    assert away.json() == {
        "type": f"{marketplace.url}/docs/problems#service-unavailable",
        "slug": "service-unavailable",
        "title": "The service behind this address does not answer",
        "status": away.status_code,
        "correlation_id": "away-0001",
    }
    assert away.headers["Retry-After"] == "2"
    assert others.status_code == 404
    assert httpx.get(f"{marketplace.url}/api/catalog/v1/addons", timeout=20).status_code == 200


@pytest.mark.parametrize("path", ["/", "/addons/some-add-on/install?workspace=1", "/none/of/ours"])
def test_the_page_for_people_is_there(marketplace: Marketplace, path: str) -> None:
    page = httpx.get(marketplace.url + path, headers={"Accept": "text/html"})

    assert page.status_code == 200
    assert "<title>Add-ons</title>" in page.text
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    (script,) = re.findall(r'<script [^>]*src="(/assets/[^"]+)"></script>', page.text)
    assert page.text.count("<script") == 1  # none is inline
    code = httpx.get(marketplace.url + script)
    assert (code.status_code, "immutable" in code.headers["Cache-Control"]) == (200, True)


def test_uploads_that_break_off_shut_nobody_out(marketplace: Marketplace) -> None:
    address = urlsplit(marketplace.url)
    request = b"POST /api/auth/v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{}"
    for _ in range(20):
        with socket.create_connection((address.hostname, address.port)) as broken:
            broken.sendall(request)

        assert httpx.get(f"{marketplace.url}/api/auth/v1/providers").status_code == 200


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def answer_to(
    marketplace: Marketplace, raw: bytes, *, ends: bool = False, seconds: float = 60
) -> tuple[int, dict[str, Any]]:
    """Send a POST as it is, `raw` from its last header on; `ends` when nothing more will come. Status and body.

    The gateway must close the connection after one answer: what follows a broken body is nobody's request.
    """
    address = urlsplit(marketplace.url)
    head = "POST /api/auth/v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=seconds) as connection:
        connection.sendall(head.encode() + raw)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # it may not read what it closes upon
            while received := connection.recv(65_536):
                answer += received
    told, _, body = answer.partition(b"\r\n\r\n")
    return int(told.split()[1]), json.loads(body) if body else {}


@pytest.mark.parametrize(
    "body",
    [
        b"ZZ\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\nZZ\r\n",
        b"2\r\n{}{}{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b"F" * 20 + b"\r\n{}\r\n0\r\n\r\n",
        b"2;" + b"x" * 5_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nno trailer\r\n\r\n",
    ],
    ids=["no-number", "no-number-later", "longer", "negative", "empty", "too-large", "long-extension", "bad-trailer"],
)
def test_a_body_in_broken_chunks_is_the_clients_fault(marketplace: Marketplace, body: bytes) -> None:
    status, problem = answer_to(marketplace, CHUNKED + body)

    assert (status, problem["slug"], problem["status"]) == (400, "malformed-body", 400)


@pytest.mark.parametrize("raw", [CHUNKED + b"5\r\n{}", CHUNKED + b"2\r\n{}\r\n", b"Content-Length: 10\r\n\r\n{}"])
def test_a_body_that_breaks_off_is_the_clients_fault(marketplace: Marketplace, raw: bytes) -> None:
    status, problem = answer_to(marketplace, raw, ends=True)

    # 499: the gateway takes a client that has nothing more to say for one that has left.
    assert (status, problem.get("slug")) in {(400, "malformed-body"), (499, None)}


@pytest.mark.slow
def test_a_body_that_does_not_come_is_not_waited_for(marketplace: Marketplace) -> None:
    """Now and then the gateway takes such a client for one that has left, and says nothing: see its configuration."""
    for _ in range(4):
        with contextlib.suppress(TimeoutError):
            status, problem = answer_to(marketplace, CHUNKED + b"2\r\n{}\r\n", seconds=40)
            break
    else:
        pytest.fail("no answer to any of four")

    assert (status, problem["slug"], problem["status"]) == (408, "body-too-slow", 408)
