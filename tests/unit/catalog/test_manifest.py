"""The verdict on a manifest and the sentences in which it is given."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.manifest import MAX_FINDINGS, ManifestError, read_manifest, validate_manifest
from services.catalog.manifest_versions import VERSIONS
from tests.unit.catalog.manifests import Json, a_manifest, a_small_manifest


def the_error(raw: object) -> ManifestError:
    """The only error in `raw`."""
    (error,) = validate_manifest(raw).errors
    return error


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.3", "1.4", "1.5", "1.5.1", "1.6"])
def test_a_manifest_with_every_field_is_accepted_by_every_version_that_has_them(version: str) -> None:
    report = validate_manifest(a_manifest(schemaVersion=version))
    assert (report.errors, report.warnings, report.version) == ((), (), version)
    assert report.accepted
    assert report.manifest is not None


@pytest.mark.parametrize(
    ("claimed", "judged"),
    [("1.0", "1.0"), ("1.0.1", "1.0.1"), ("1.0.2", "1.0.2"), (1, "1.0"), ("1", "1.0"), ("1.5.1", "1.5.1")],
)
def test_the_claimed_version_judges(claimed: object, judged: str) -> None:
    assert validate_manifest(a_manifest(schemaVersion=claimed)).version == judged


def test_without_a_claim_the_latest_version_judges() -> None:
    assert validate_manifest(a_small_manifest()).version == "1.6"


@pytest.mark.parametrize("claimed", ["1.7", "2", 2, "", " 1.3", "v1.3", 0, -1])
def test_an_unknown_version_is_the_only_error_and_names_the_known_ones(claimed: object) -> None:
    error = the_error({"schemaVersion": claimed})
    assert (error.field, error.rule) == ("schemaVersion", "one-of")
    assert "must be one of 1.0, 1.0.1, 1.0.2, 1.1, 1.2, 1.3, 1.4, 1.5, 1.5.1, 1.6; given: " in error.message


@pytest.mark.parametrize("claimed", [1.3, None, True, ["1.3"], {}])
def test_a_version_must_be_a_text_or_an_integer(claimed: object) -> None:
    error = the_error({"schemaVersion": claimed})
    assert (error.field, error.rule) == ("schemaVersion", "type")
    assert 'must be a text such as "1.6"' in error.message


def test_a_number_for_the_version_shows_what_was_given() -> None:
    assert the_error(a_manifest(schemaVersion=1.3)).given == "1.3"


@pytest.mark.parametrize("raw", [None, [], "text", 5, True])
def test_a_manifest_must_be_an_object(raw: object) -> None:
    error = the_error(raw)
    assert (error.field, error.rule) == ("manifest", "type")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            a_manifest(webhooks=[{"path": "/hook", "webhookType": "ADDON"}], schemaVersion="1.3"),
            ManifestError(
                "webhooks[0].event",
                "required",
                'webhooks[0].event is required in version 1.3 but missing (given here: "path", "webhookType").',
            ),
        ),
        (
            a_manifest(lifecycle={"installed": "/installed"}),
            ManifestError(
                "lifecycle",
                "type",
                'lifecycle must be a list; given: {"installed": "/installed"}.',
                '{"installed": "/installed"}',
            ),
        ),
        (
            a_manifest(minimalSubscriptionPlan="Premium"),
            ManifestError(
                "minimalSubscriptionPlan",
                "one-of",
                'minimalSubscriptionPlan must be one of FREE, BASIC, STANDARD, PRO, ENTERPRISE; given: "Premium".',
                '"Premium"',
            ),
        ),
        (
            a_manifest(key="a"),
            ManifestError("key", "length", 'key must be 2 to 50 characters long; given: "a".', '"a"'),
        ),
        (
            a_manifest(lifecycle=[{"type": "INSTALLED", "path": ""}]),
            ManifestError(
                "lifecycle[0].path",
                "length",
                'lifecycle[0].path must be at least 1 characters long; given: "".',
                '""',
            ),
        ),
        (
            a_manifest(baseUrl="{$BASE_URL}"),
            ManifestError(
                "baseUrl",
                "pattern",
                'baseUrl must begin with http:// or https://; given: "{$BASE_URL}".',
                '"{$BASE_URL}"',
            ),
        ),
        (
            a_manifest(scopes=["TAG_READ", "TASK_READ", "TAG_READ"]),
            ManifestError(
                "scopes",
                "unique",
                "scopes must not repeat an entry, but entries 0 and 2 are the same; "
                'given: ["TAG_READ", "TASK_READ", "TAG_READ"].',
                '["TAG_READ", "TASK_READ", "TAG_READ"]',
            ),
        ),
        (
            a_manifest(settings={"tabs": []}),
            ManifestError("settings.tabs", "min-items", "settings.tabs must have at least 1 entry; given: [].", "[]"),
        ),
        (
            a_manifest(settings=5),
            ManifestError("settings", "type", "settings must be a text or an object; given: 5.", "5"),
        ),
        (
            a_manifest(settings={"tabs": [{"id": "a"}]}),
            ManifestError(
                "settings.tabs[0].name",
                "required",
                'settings.tabs[0].name is required in version 1.6 but missing (given here: "id").',
            ),
        ),
    ],
)
def test_an_error_names_the_field_the_rule_what_was_allowed_and_what_was_given(
    raw: Json, expected: ManifestError
) -> None:
    assert the_error(raw) == expected


def test_a_value_in_the_wrong_case_is_answered_with_the_right_one() -> None:
    component = {"type": "SIDEBAR", "accessLevel": "ADMINS", "path": "/", "label": "A"}
    error = the_error(a_manifest(components=[component]))
    assert error.field == "components[0].type"
    assert '(did you mean "sidebar"?); given: "SIDEBAR".' in error.message


def test_a_value_of_another_version_is_answered_with_the_versions_that_know_it() -> None:
    error = the_error(a_manifest(schemaVersion="1.3", webhooks=[{"event": "TASK_DELETED", "path": "/"}]))
    assert "in version 1.3 (versions 1.0, 1.0.1, 1.0.2, 1.1, 1.2, 1.5, 1.5.1, 1.6 know it)" in error.message


def test_a_value_that_resembles_nothing_gets_no_guess() -> None:
    error = the_error(a_manifest(minimalSubscriptionPlan="z" * 100_000))
    assert "did you mean" not in error.message


def test_what_was_given_is_cut_to_200_characters() -> None:
    error = the_error(a_manifest(name="n" * 5_000))
    assert error.given == '"' + "n" * 198 + "…"
    assert len(error.message) < 300


def test_all_errors_of_a_manifest_are_given_at_once() -> None:
    report = validate_manifest({"schemaVersion": "1.3", "key": "a", "baseUrl": "https://", "webhooks": [{}]})
    assert [(error.field, error.rule) for error in report.errors] == [
        ("key", "length"),
        ("webhooks[0].event", "required"),
        ("webhooks[0].path", "required"),
        ("name", "required"),
        ("minimalSubscriptionPlan", "required"),
        ("baseUrl", "base-url"),
    ]
    assert report.manifest is None


def test_a_long_list_of_errors_is_cut_and_says_so() -> None:
    report = validate_manifest(a_manifest(webhooks=[{"path": f"/{number}"} for number in range(5_000)]))
    assert len(report.errors) == MAX_FINDINGS
    assert report.truncated


@pytest.mark.parametrize(
    "hostile",
    [
        a_manifest(webhooks=[{} for _ in range(60_000)]),
        a_manifest(webhooks=[{"path": "/", "event": "NEW_TASK", "n": number} for number in range(4_000)]),
        a_manifest(scopes=[[number] for number in range(20_000)]),
        a_manifest() | {f"unknown-{number}": 1 for number in range(9_000)},
        a_manifest(baseUrl="https://" + "a." * 90_000),
        a_manifest(iconPath="/.." * 60_000),
    ],
    ids=["empty webhooks", "webhooks that differ", "scopes of lists", "unknown fields", "long host", "long path"],
)
def test_a_hostile_manifest_of_the_largest_size_is_judged_in_moments(hostile: Json) -> None:
    started = time.process_time()
    validate_manifest(hostile)
    assert time.process_time() - started < 15  # half a second; what grows with the square takes minutes


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=60)
    | st.sampled_from(["1.3", "https://example.com", "/", "FREE", "\ud800", "\0"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*a_manifest(), "path", "type", "event", "tabs"]) | st.text(), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200, database=None)
@given(st.dictionaries(st.sampled_from(list(a_manifest())), json_values), st.sampled_from(list(VERSIONS)))
def test_no_json_makes_the_verdict_fail_or_unfit_to_be_sent(fields: Json, version: str) -> None:
    for raw in (fields, a_small_manifest(schemaVersion=version) | fields):
        report = validate_manifest(raw)
        assert (report.manifest is not None) == report.accepted
        for finding in report.errors + report.warnings:
            (finding.field + finding.rule + finding.message + (finding.given or "")).encode()


@settings(deadline=None, max_examples=200, database=None)
@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_bytes_make_the_verdict_fail(body: bytes, content_type: str) -> None:
    assert not read_manifest(body, content_type).accepted
