"""The marketplace's own rules: what can never work is refused, what should not be is told."""

import pytest

from services.catalog.manifest import validate_manifest
from services.catalog.manifest_versions import PLANS, SCOPES
from shared.contracts.auth import Plan
from tests.unit.catalog.manifests import Json, a_small_manifest


def errors_of(raw: Json) -> list[tuple[str, str]]:
    return [(error.field, error.rule) for error in validate_manifest(raw).errors]


def warnings_of(raw: Json) -> list[tuple[str, str]]:
    report = validate_manifest(raw)
    assert report.accepted, report.errors
    return [(warning.field, warning.rule) for warning in report.warnings]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/",
        "http://localhost:8080/auto-tag-assistant",
        "http://127.0.0.1:18085",
        "http://[::1]:8080/",
        "https://YOUR-SERVER-DOMAIN/x",
        "https://bücher.example/a",
        "https://under_score.example",
        "https://example.com./",
        "https://example.com/proxy?to=",
    ],
)
def test_a_base_url_that_paths_can_be_added_to_is_accepted(url: str) -> None:
    assert errors_of(a_small_manifest(baseUrl=url)) == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (5, "must be a text"),
        (None, "must be a text"),
        (["https://example.com"], "must be a text"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://:80", "no host"),
        ("https://{host}/", "no host"),
        ("https://a..b", "no host"),
        ("https://" + "a" * 64 + ".example", "no host"),
        ("https://" + "a." * 200 + "example", "no host"),
        ("https://[::1", "cannot be read"),
        ("https://[::zz]/", "cannot be read|no host"),
        ("https://example.com:port", "cannot be read"),
        ("https://example.com:99999", "cannot be read"),
        ("https://example.com:0", "port is 0"),
        ("https://me:secret@example.com", "a user or a password"),
        ("https://example.com@evil.example", "a user or a password"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com/a b", "a space"),
        ("https://example.com\\@evil.example", "a backslash"),
        ("https://exam\nple.com", "a control character"),
    ],
)
def test_a_base_url_that_can_never_work_is_refused_with_the_reason(url: object, why: str) -> None:
    (error,) = validate_manifest(a_small_manifest(baseUrl=url)).errors
    assert (error.field, error.rule) == ("baseUrl", "base-url")
    assert any(reason in error.message for reason in why.split("|")), error.message


@pytest.mark.parametrize(
    "path", ["/", "//a", "a/b", "./a", "/a/../b", "?tab=1", "/#/home", "/a%20b", "/täglich", "/a:b", "/time.. ."]
)
def test_a_path_below_the_base_is_accepted(path: str) -> None:
    assert errors_of(a_small_manifest(settings=path, iconPath=path)) == []


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "mailto:a@example.com",
        "..",
        "../x",
        "/../x",
        "/a/../../x",
        "%2e%2E/x",
        "/%2e%2e%2fx",
        "/a\\..\\b",
        "/a\nb",
        "\tjavascript:alert(1)",
    ],
)
def test_a_path_that_leads_out_of_the_base_is_refused_wherever_it_stands(path: str) -> None:
    component = {"type": "widget", "accessLevel": "ADMINS", "label": "A", "path": path, "iconPath": path}
    raw = a_small_manifest(
        iconPath=path,
        settings=path,
        lifecycle=[{"type": "INSTALLED", "path": path}],
        webhooks=[{"event": "NEW_TASK", "path": path}],
        components=[component],
    )
    assert errors_of(raw) == [
        ("iconPath", "path"),
        ("settings", "path"),
        ("lifecycle[0].path", "path"),
        ("webhooks[0].path", "path"),
        ("components[0].path", "path"),
        ("components[0].iconPath", "path"),
    ]


def test_two_paths_for_one_lifecycle_event_contradict_each_other() -> None:
    hooks = [
        {"type": "INSTALLED", "path": "/a"},
        {"type": "DELETED", "path": "/a"},
        {"type": "INSTALLED", "path": "/b"},
    ]
    (error,) = validate_manifest(a_small_manifest(lifecycle=hooks)).errors
    assert (error.field, error.rule) == ("lifecycle", "one-per-type")
    assert error.message == 'lifecycle must have one entry per type, but 2 have; given: "INSTALLED".'


def test_two_webhooks_may_share_an_event_or_a_path() -> None:
    hooks = [
        {"event": "NEW_TASK", "path": "/a"},
        {"event": "NEW_TASK", "path": "/b"},
        {"event": "NEW_TAG", "path": "/a"},
    ]
    assert errors_of(a_small_manifest(webhooks=hooks)) == []


@pytest.mark.parametrize("field", ["key", "name"])
@pytest.mark.parametrize("text", ["two\nlines", "tab\there", "bell\x07", "line\u2028separator"])
def test_key_and_name_are_one_line(field: str, text: str) -> None:
    assert errors_of(a_small_manifest(**{field: text})) == [(field, "single-line")]


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a?b", "a#b", "a%2fb", ".."])
def test_a_key_that_means_something_else_in_an_address_is_refused(key: str) -> None:
    assert errors_of(a_small_manifest(key=key)) == [("key", "key-characters")]


@pytest.mark.parametrize("key", ["example.addon", "_template-addon", "GoogleCalendarIntegrationSr", "über uns", "a:b"])
def test_other_keys_are_accepted(key: str) -> None:
    assert errors_of(a_small_manifest(key=key)) == []


def test_more_webhooks_than_the_platform_documents_are_told() -> None:
    hooks = [{"event": "NEW_TASK", "path": f"/{number}"} for number in range(21)]
    assert warnings_of(a_small_manifest(webhooks=hooks)) == [("webhooks", "max-webhooks")]
    assert warnings_of(a_small_manifest(webhooks=hooks[:20])) == []


def test_a_second_sidebar_is_told() -> None:
    sidebars = [{"type": "sidebar", "accessLevel": "ADMINS", "path": path, "label": "A"} for path in ("/a", "/b")]
    assert warnings_of(a_small_manifest(components=sidebars)) == [("components", "one-sidebar")]
    assert warnings_of(a_small_manifest(components=sidebars[:1])) == []


def test_an_unknown_field_is_told() -> None:
    assert warnings_of(a_small_manifest(**{"$schema": "x", "icon": "y"})) == [
        ("$schema", "unknown-field"),
        ("icon", "unknown-field"),
    ]


def test_settings_written_into_a_text_are_told() -> None:
    assert warnings_of(a_small_manifest(settings='{"tabs": []}')) == [("settings", "settings-path")]


def test_version_1_0_may_carry_the_plan_and_scopes_of_later_versions() -> None:
    raw = a_small_manifest(schemaVersion="1.0", minimalSubscriptionPlan="PRO", scopes=["TAG_READ"])
    report = validate_manifest(raw)
    assert (report.errors, report.warnings) == ((), ())
    assert report.manifest is not None
    assert (report.manifest.minimal_plan, report.manifest.scopes) == (Plan.PRO, ("TAG_READ",))


@pytest.mark.parametrize("scopes", [["EVERYTHING"], "TAG_READ", None, 0, [["TAG_READ"]], {}])
def test_version_1_0_is_told_of_a_plan_and_scopes_that_make_no_sense(scopes: object) -> None:
    raw = a_small_manifest(schemaVersion="1.0", minimalSubscriptionPlan="gold", scopes=scopes)
    assert warnings_of(raw) == [("minimalSubscriptionPlan", "unknown-plan"), ("scopes", "unknown-scope")]
    manifest = validate_manifest(raw).manifest
    assert manifest is not None
    assert manifest.minimal_plan is Plan.FREE


def test_plans_are_those_of_the_contracts() -> None:
    assert tuple(Plan) == PLANS


def test_there_are_thirty_scopes() -> None:
    assert len(set(SCOPES)) == 30
