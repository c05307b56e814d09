"""The real Caddy with the real Caddyfile, in front of services that tests play."""

import gzip
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deploy.local.stack import Stack
from tests.integration.local.conftest import Echo, running_gateway, upstream
from tests.uploads import upload
from tests.waiting import PATIENCE_SECONDS, wait_until

STRICT = "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture(scope="module")
def services(gateway: Stack) -> Iterator[None]:
    with ExitStack() as playing:
        for name in ("auth", "catalog", "installer"):
            playing.enter_context(upstream(gateway.plan.ports[name]))
        yield


@pytest.fixture
def client(gateway: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway.plan.ports['gateway']}", trust_env=False) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/auth/v1/login", "auth"),
        ("/.well-known/souk/users.jwks.json", "auth"),
        ("/login/callback/acme?code=1", "auth"),
        ("/api/catalog/openapi.json", "catalog"),
        ("/api/installer/v1/installations", "installer"),
        ("/addon-api/v1/workspaces", "installer"),
        ("/.well-known/souk/addons.jwks.json", "installer"),
        ("/.well-known/souk/addons.pem", "installer"),
    ],
)
def test_each_path_reaches_its_service_unchanged(
    gateway: Stack, services: None, client: httpx.Client, path: str, service: str
) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.json()["port"] == gateway.plan.ports[service]
    assert answer.json()["path"] == path
    assert answer.headers["Content-Security-Policy"] == STRICT
    assert "Server" not in answer.headers


@pytest.mark.parametrize("path", ["/live", "/ready", "/metrics", "/api/other/v1", "/.well-known/souk/secret", "/none"])
def test_what_has_no_place_is_a_problem_document(services: None, client: httpx.Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["slug"] == "not-found"
    assert answer.json()["correlation_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/api/auth/../../metrics", "/api/auth/%2e%2e/%2e%2e/metrics", "//metrics"])
def test_no_detour_leads_to_metrics(gateway: Stack, services: None, path: str) -> None:
    with socket.create_connection(("127.0.0.1", gateway.plan.ports["gateway"]), timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status = connection.makefile("rb").readline().split()[1]

    assert status in (b"400", b"404")


def test_the_static_page_is_served_with_a_strict_policy(client: httpx.Client) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert "<title>Add-ons</title>" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/", "/installations/65f1c0ffee65f1c0ffee65f1", "/addons/timesheets", "/docs/"])
def test_a_browser_gets_the_client_at_every_address_of_its_own(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers=BROWSER)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<div id="app">' in answer.text
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert "Accept" in answer.headers.get_list("Vary", split_commas=True)


def test_what_is_built_may_be_kept_and_the_page_asks_nobody_else(client: httpx.Client) -> None:
    page = client.get("/", headers=BROWSER)
    assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)

    assert len(assets) == 2
    weight = len(gzip.compress(page.content))
    for asset in assets:
        answer = client.get(asset)
        weight += len(gzip.compress(answer.content))
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert weight < 120_000, "bytes of the first load, compressed"
    assert client.get("/assets/index-of-before.js").status_code == 404
    assert re.search(r'<script(?![^>]*src=)|style="|https?://', page.text) is None
    policy = page.headers["Content-Security-Policy"]
    assert "https:" not in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/api/other/v1", "/.well-known/souk/secret", "/live", "/metrics"])
def test_a_browser_gets_a_problem_where_the_api_has_nothing(services: None, client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers=BROWSER)

    assert answer.status_code == 404
    assert answer.json()["slug"] == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [("POST", "/installations/1", 404, "not-found"), ("POST", "/", 405, "method-not-allowed")],
)
def test_pages_are_for_reading(client: httpx.Client, method: str, path: str, status: int, slug: str) -> None:
    answer = client.request(method, path, headers=BROWSER)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["slug"] == slug


@pytest.mark.parametrize("headers", [{}, BROWSER])
def test_the_type_of_a_problem_leads_to_its_explanation(client: httpx.Client, headers: dict[str, str]) -> None:
    address = client.get("/none").json()["type"]

    page, _, slug = address.partition("#")
    answer = client.get(httpx.URL(page).path, headers=headers)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'id="{slug}"' in answer.text


def test_a_request_id_of_the_caller_is_kept(services: None, client: httpx.Client) -> None:
    answer = client.get("/api/auth/v1/me", headers={"X-Request-Id": "caller-1234"})

    assert answer.json()["headers"]["x-request-id"] == "caller-1234"
    assert answer.headers.get_list("X-Request-Id") == ["caller-1234"]


@pytest.mark.parametrize(
    "given", [[], [("X-Request-Id", 'a"b<script>')], [("X-Request-Id", "good-id-1"), ("X-Request-Id", 'b"ad')]]
)
def test_a_missing_or_unfit_request_id_is_replaced(
    services: None, client: httpx.Client, given: list[tuple[str, str]]
) -> None:
    answer = client.get("/api/auth/v1/me", headers=given)

    made = answer.json()["headers"]["x-request-id"]
    assert len(made) == 36
    assert answer.headers.get_list("X-Request-Id") == [made]


def test_forwarded_addresses_come_from_the_gateway_and_never_from_the_caller(
    services: None, client: httpx.Client
) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

    seen = client.get("/api/auth/v1/me", headers=forged).json()["headers"]

    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert "evil" not in json.dumps(seen)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "seen"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1 10.0.0.0/8", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.0/8", "203.0.113.9", "127.0.0.1"),
    ],
)
def test_what_a_trusted_proxy_says_of_the_visitor_is_believed_and_what_the_visitor_says_is_not(
    tmp_path: Path, trusted: str, forwarded: str, seen: str
) -> None:
    with running_gateway(tmp_path, GATEWAY_TRUSTED_PROXIES=trusted) as stack, upstream(stack.plan.ports["auth"]):
        url = f"http://127.0.0.1:{stack.plan.ports['gateway']}/api/auth/v1/me"
        answer = httpx.get(url, headers={"X-Forwarded-For": forwarded}, trust_env=False)

    assert answer.json()["headers"]["x-forwarded-for"] == seen


def test_headers_beyond_the_limit_are_the_one_refusal_that_is_no_problem_document(client: httpx.Client) -> None:
    """Caddy's server answers it before any of our rules; the Caddyfile and the page of problems say so."""
    answer = client.get("/api/auth/v1/me", headers={"X-Padding": "x" * 40_000})

    assert answer.status_code == 431
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_body_within_the_limit_arrives(services: None, client: httpx.Client) -> None:
    assert client.post("/api/catalog/v1/addons", content=b"x" * 900_000).json()["length"] == 900_000


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["auth/v1/sessions", "installer/v1/installations"])
def test_what_is_a_few_fields_may_have_as_many_bytes(
    services: None, client: httpx.Client, path: str, *, chunked: bool
) -> None:
    address = f"{client.base_url}/api/{path}"

    assert client.post(address, content=b"x" * 60_000).json()["length"] == 60_000
    assert upload(address, b"x" * 70_000, chunked=chunked).document["slug"] == "body-too-large"


def test_the_directory_takes_more_than_the_rest(services: None, client: httpx.Client) -> None:
    body, path = b"x" * 2_900_000, "/api/auth/v1/directory/acme/workspaces/65f1c0ffee65f1c0ffee65f1"

    assert client.put(path, content=body).json()["length"] == 2_900_000
    assert upload(f"{client.base_url}{path}", body * 2, method="PUT").status == 413
    assert upload(f"{client.base_url}/api/auth/v1/accounts", body).document["slug"] == "body-too-large"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_ten_megabytes_is_refused_with_a_problem(services: None, client: httpx.Client, chunked: bool) -> None:
    answer = upload(f"{client.base_url}/api/catalog/v1/addons", b"x" * 10_000_000, chunked=chunked)

    assert (answer.status, answer.content_type) == (413, "application/problem+json")
    assert answer.document["slug"] == "body-too-large"


def test_a_body_that_declares_too_much_reaches_no_service(gateway: Stack, client: httpx.Client) -> None:
    """A service hangs up on it, and the half of its answer that is read by then is all that a client gets."""
    with upstream(gateway.plan.ports["notifier"]) as service:
        answer = upload(f"{client.base_url}/api/notifier/v1/feedback", b"x" * 1_000_001)

        assert answer.status == 413
        assert service.connections == []


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_left_of_a_refused_body_is_not_the_next_request(
    services: None, gateway: Stack, *, chunked: bool
) -> None:
    address, body = f"{gateway.plan.public_url}/api/catalog/v1/addons", b"x" * 2_900_000

    answers = [upload(address, body, chunked=chunked) for _ in range(20)]

    assert {(one.status, one.connection) for one in answers} == {(413, "close")}


def test_replicas_share_the_work_and_one_that_is_gone_is_bypassed(gateway: Stack, client: httpx.Client) -> None:
    first, second = gateway.plan.ports["notifier"], gateway.plan.ports["notifier-2"]
    with upstream(first):
        with upstream(second):
            assert {client.get("/api/notifier/v1/site").json()["port"] for _ in range(10)} == {first, second}

        assert {client.get("/api/notifier/v1/site").json()["port"] for _ in range(10)} == {first}


def test_a_stream_passes_through_as_it_is_made(gateway: Stack) -> None:
    """Each event reaches the client before the next is made; nothing is held back until the end."""

    class Stream(Echo):
        def do_GET(self) -> None:  # noqa: N802 -- the library's name
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for number in range(3):
                self.wfile.write(f"data: {number}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.4)

    url = f"http://127.0.0.1:{gateway.plan.ports['gateway']}/api/notifier/v1/stream"
    with (
        upstream(gateway.plan.ports["notifier-2"], Stream),
        httpx.stream("GET", url, trust_env=False, timeout=10) as answer,
    ):
        arrived = [time.monotonic() for line in answer.iter_lines() if line.startswith("data:")]

    assert len(arrived) == 3
    assert arrived[2] - arrived[0] > 0.6


SECRETS = {
    "Authorization": "Bearer in-a-bearer-header",
    "Cookie": "__Host-refresh=in-a-cookie",
    "X-Addon-Token": "in-an-addon-header",
    "Referer": "https://souk.example/verify?token=in-a-referer",
}


def test_no_secret_of_a_request_is_in_the_log_however_the_request_ends(gateway: Stack) -> None:
    class Endless(Echo):
        def do_GET(self) -> None:  # noqa: N802 -- the library's name
            self.send_response(200)
            self.send_header("Set-Cookie", "__Host-refresh=in-a-set-cookie")
            self.send_header("Location", "/?code=in-a-location")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while True:
                self.wfile.write(b"4\r\ndata\r\n")
                time.sleep(0.01)

    log = gateway.daemon("gateway").log_file
    before = len(log.read_text())
    url = f"http://127.0.0.1:{gateway.plan.ports['gateway']}/api/notifier/v1"
    with httpx.Client(trust_env=False, headers=SECRETS, timeout=20) as client:
        with upstream(gateway.plan.ports["notifier"], Endless), upstream(gateway.plan.ports["notifier-2"], Endless):
            with client.stream("GET", f"{url}/stream?token=in-a-query") as answer:
                next(answer.iter_raw())  # then the client goes
            broken = client.stream("GET", f"{url}/feed?token=in-a-query")
            rest = broken.__enter__().iter_raw()
            next(rest)  # then the services go
        with pytest.raises(httpx.RemoteProtocolError):
            list(rest)
        assert client.get(f"{url}/none?token=in-a-query").status_code == 503

    assert wait_until(lambda: "/api/notifier/v1/none" in log.read_text()[before:], seconds=PATIENCE_SECONDS)
    lines = [json.loads(line) for line in log.read_text()[before:].splitlines() if line.startswith("{")]
    assert {line["logger"] for line in lines} >= {"http.handlers.reverse_proxy", "http.log.access.log0"}
    assert [line for line in lines if "in-a" in json.dumps(line)] == []


def test_a_service_that_is_down_is_told_as_a_problem_to_be_repeated(gateway: Stack, client: httpx.Client) -> None:
    answer = client.get("/api/notifier/v1/site", timeout=20)

    assert answer.status_code == answer.json()["status"] == 503
    assert answer.json()["slug"] == "service-unavailable"
    assert answer.headers["Retry-After"] == "2"
