"""What may be wrong with a request to any route: each one is tried with all of it, and none answers 5xx."""

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.marketplace import Marketplace
from tests.e2e.people import Caller

SERVICES = ("auth", "catalog", "installer", "notifier")
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "cut off": b'{"email": "a@',
    "an array": b"[]",
    "a number": b"1e999",
    "null": b"null",
    "an unknown field": b'{"surprise": 1}',
    "not UTF-8": b'{"email": "\xff\xfe"}',
    "NUL": b'{"email": "a\\u0000b", "name": "\\u0000"}',
    "half a character": b'{"name": "\\ud800", "email": "\\udfff"}',
    "too deep": b'{"manifest": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a huge number": b'{"version": ' + b"9" * 5_000 + b"}",
}
# JSON texts, in place of every field of a body.
THINGS = (
    "null",
    "true",
    "-1",
    str(2**70),
    "1e308",
    '""',
    '"\\u0000"',
    '"\\ud83d"',
    '"$where \N{PILE OF POO} \\u202e ${x} {{7*7}} \'; --"',
    f'"{"x" * 100_000}"',
    '"9999-12-31T23:59:59-14:00"',
    "[[]]",
    '{"$gt": ""}',
    f'{{"a": {"[" * 90}{"]" * 90}}}',
)
HEADERS: dict[str, bytes] = {
    "Authorization": b"Bearer \xff.\xfe.\xfd",
    "Cookie": b'__Host-souk_refresh=\xff; a=; =b;; "',
    "Content-Type": b"application/json; charset=utf-7",
    "Content-Encoding": b"gzip",
    "Accept": b"\xff/*;q=x",
    "Accept-Language": b"*" * 2_000,
    "If-None-Match": b'"\xff',
    "If-Match": b"*",
    "Range": b"bytes=9-1,-",
    "Last-Event-ID": b"\xff",
    "Idempotency-Key": b"\xff\xfe",
    "Origin": b"null",
    "X-Request-Id": b"\xff" * 300,
    "X-Forwarded-For": b"\xff, 999.1.1.1, ::%",
    "traceparent": b"00-\xff-00-00",
    "X-Addon-Token": b"\xff",
    "X-HTTP-Method-Override": b"DELETE",
}
APART = ("Authorization", "Content-Type", "Content-Encoding")
IDS = ("f" * 24, "%ff", "%ed%a0%80", "%2e%2e", "zzz", "%00", "..%2f..%2fmetrics", "\N{PILE OF POO}", "x" * 3_000)


def json_headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}


@pytest.fixture
def door(marketplace: Marketplace, mallory: Caller) -> Iterator[httpx.Client]:
    """Mallory's way to the gateway, by one connection for many requests."""
    mallory.log_in()
    headers = {"Authorization": f"Bearer {mallory.token}"}
    with httpx.Client(base_url=marketplace.url, headers=headers, timeout=40) as client:
        yield client


def fields_of(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The names of what a body may hold."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return list(schema.get("properties", ()))


@pytest.fixture(scope="module")
def operations(marketplace: Marketplace) -> list[tuple[str, str, dict[str, Any]]]:
    """Every method and path that the services document, with the names of what its body may hold as `fields`."""
    found = []
    for service in SERVICES:
        document = httpx.get(f"{marketplace.url}/api/{service}/openapi.json").json()
        for path, methods in document["paths"].items():
            found += [
                (method.upper(), path, {**told, "fields": fields_of(document, told)})
                for method, told in methods.items()
            ]
    assert len(found) > 50
    return found


def filled(path: str, with_: str) -> str:
    """The path with every parameter replaced."""
    return "".join(
        with_ if part[:1] == "{" else part for part in path.replace("{", "\n{").replace("}", "}\n").split("\n")
    )


def is_refusal(answer: httpx.Response) -> bool:
    """A 4xx in the form that its reader knows."""
    if not 400 <= answer.status_code < 500:
        return False
    kind = answer.headers.get("Content-Type", "")
    if kind.startswith("text/html"):  # log-in and links, which browsers open
        return True
    members: set[str] = answer.json().keys()
    if kind == "application/problem+json":
        return {"slug", "title", "correlation_id"} <= members
    return "/addon-api/" in str(answer.url) and {"message", "code"} <= members  # the form that add-ons read


@pytest.mark.parametrize("what", BODIES)
def test_no_route_that_takes_a_body_takes_such_a_one(
    door: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], what: str
) -> None:
    wrong = {}
    for method, path, told in operations:
        # These need no body; what is sent in its place is tried below.
        if not told.get("requestBody", {}).get("required"):
            continue
        answer = door.request(method, filled(path, "f" * 24), content=BODIES[what], headers=json_headers())
        if not is_refusal(answer):
            wrong[method, path] = (answer.status_code, answer.text[:200])

    assert wrong == {}


@pytest.mark.parametrize("given", IDS)
def test_no_route_falls_over_an_id(
    door: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], given: str
) -> None:
    wrong = {}
    for method, path, _ in operations:
        if "{" in path:
            answer = door.request(method, filled(path, given), content=b"{}", headers=json_headers())
            if not (is_refusal(answer) or answer.is_redirect):
                wrong[method, path] = (answer.status_code, answer.text[:200])

    assert wrong == {}


def test_no_route_falls_over_a_query(door: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    strange = ["%00", "\N{PILE OF POO}" * 400, "-1", "1e99", "null", "[]", "%ff", "$where", "9" * 400]
    wrong = {}
    for method, path, told in operations:
        names = [one["name"] for one in told.get("parameters", ()) if one["in"] == "query"]
        for value in strange if names and method == "GET" else ():
            query = "&".join(f"{name}={value}" for name in names)
            answer = door.request(method, f"{filled(path, 'f' * 24)}?{query}")
            if answer.status_code >= 500:
                wrong[path, value[:20]] = (answer.status_code, answer.text[:200])

    assert wrong == {}


@pytest.mark.parametrize("who", ["Mallory", pytest.param("an operator", marks=pytest.mark.slow)])
def test_no_route_falls_over_what_is_in_a_field(
    marketplace: Marketplace, door: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], who: str
) -> None:
    if who == "an operator":
        marketplace.operator.log_in()
        door.headers["Authorization"] = f"Bearer {marketplace.operator.token}"
    wrong = {}
    for method, path, told in operations:
        for thing in THINGS if told["fields"] else ():
            body = "{" + ", ".join(f'"{name}": {thing}' for name in told["fields"]) + "}"
            answer = door.request(method, filled(path, "f" * 24), content=body.encode(), headers=json_headers())
            if answer.status_code >= 500:
                wrong[method, path, thing[:20]] = (answer.status_code, answer.text[:200])

    assert wrong == {}


@pytest.mark.parametrize("apart", [*APART, None])
def test_no_route_falls_over_a_header(
    door: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], apart: str | None
) -> None:
    # Those apart are looked at before the others, which would then not be tried.
    strange = {name: raw for name, raw in HEADERS.items() if name == apart or not (apart or name in APART)}
    wrong = {}
    for method, path, _ in operations:
        headers = {name.encode(): value.encode() for name, value in json_headers().items()}
        headers |= {name.encode(): raw for name, raw in strange.items()}
        answer = door.request(method, filled(path, "f" * 24), content=b"{}", headers=headers)
        if answer.status_code >= 500:
            wrong[method, path] = (answer.status_code, answer.text[:200])

    assert wrong == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_a_method_that_a_route_does_not_take_is_refused(
    door: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], method: str
) -> None:
    taken = {(known, path) for known, path, _ in operations}
    wrong = {}
    for path in sorted({path for _, path, _ in operations}):
        if (method, path) not in taken:
            answer = door.request(method, filled(path, "f" * 24), content=b"{}", headers=json_headers())
            if not is_refusal(answer):
                wrong[path] = (answer.status_code, answer.text[:200])

    assert wrong == {}
