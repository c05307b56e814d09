"""Our table of manifest versions against the platform's published schemas.

Those schemas and real manifests belong to others and are not part of the project. Where they lie beside it, in
`../shared/schemas` and `../shared/manifests`, every case below is judged by both sides, and both must find the
same rules broken at the same places.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from services.catalog import manifest_schema, manifest_versions
from services.catalog.manifest import MAX_FINDINGS, RULE_BY_KEYWORD, validate_manifest
from services.catalog.manifest_report import field_name
from tests.contracts.manifest_cases import (
    JUNK,
    MANIFESTS,
    PUBLISHED,
    SCHEMAS,
    Json,
    Spot,
    one_change_each,
    published_validator,
    real_manifests,
    several_changes,
)
from tests.unit.catalog.manifests import a_manifest, a_small_manifest

pytestmark = pytest.mark.skipif(
    not (SCHEMAS.is_dir() and MANIFESTS.is_dir()),
    reason="the published schemas and real manifests are not part of the project; none in ../shared",
)

QUICKLY = "an event too few"
"""Each of these compares thousands of cases, so the quick run takes one of them, and samples above."""
Findings = set[tuple[str, str]]


def published_findings(raw: object, version: str) -> Findings:
    """What the published schema says, put as we put it: the missing field itself, and the meant kind of settings."""
    errors = [
        meant
        for error in published_validator(version).iter_errors(raw)
        for meant in (meant_settings(error) if error.validator == "anyOf" else [error])
    ]
    located = {(located_at(error), rule_of(error)) for error in errors}
    wrong_types = {field for field, rule in located if rule == "type"}
    return {(field, rule) for field, rule in located if rule == "type" or field not in wrong_types}


def meant_settings(error: ValidationError) -> list[ValidationError]:
    path_branch, object_branch = (
        [branch for branch in error.context or [] if branch.schema_path[0] == number] for number in (0, 1)
    )
    return object_branch if isinstance(error.instance, dict) else path_branch


def rule_of(error: ValidationError) -> str:
    return RULE_BY_KEYWORD.get(keyword := str(error.validator), keyword)


def located_at(error: ValidationError) -> str:
    path = tuple(error.absolute_path)
    missing = re.match("'(.*)' is a required property", error.message)
    return field_name((*path, missing[1]) if missing and error.validator == "required" else path)


def disagreement(raw: object, version: str, known: Findings | None = None) -> str | None:
    """How the two sides differ on `raw`, or None.

    Our own rules beyond the schema are left out, and so is what is too large to be looked at closely.
    `known` are the findings of the published schema, if they were made already.
    """
    report = validate_manifest(raw)
    ours = {(error.field, error.rule) for error in report.errors if error.rule in RULE_BY_KEYWORD.values()}
    theirs = published_findings(raw, version) if known is None else known
    if report.errors and report.errors[0].rule == "size":
        return None
    if report.truncated or len(report.errors) == MAX_FINDINGS:
        agreed = bool(theirs) and ours <= theirs
    else:
        agreed = ours == theirs
    return None if agreed else f"{version}: ours {ours - theirs}, theirs {theirs - ours}, in {json.dumps(raw)}"


@cache
def verdicts_on_single_changes(version: str) -> tuple[Findings, ...]:
    """The published findings on each case of `single_changes`, which several tests ask for."""
    return tuple(published_findings(raw, version) for raw in single_changes(version))


def single_changes(version: str) -> Iterator[Json]:
    return one_change_each(a_manifest(schemaVersion=version))


def differences(version: str) -> Iterator[str | None]:
    """`disagreement` on each case of `single_changes`."""
    for raw, theirs in zip(single_changes(version), verdicts_on_single_changes(version), strict=True):
        yield disagreement(raw, version, theirs)


# --- the comparison


@pytest.mark.parametrize("version", PUBLISHED)
def test_every_real_manifest_gets_the_same_verdict_in_every_version(version: str) -> None:
    assert real_manifests()
    for raw in real_manifests().values():
        assert disagreement(raw | {"schemaVersion": version}, version) is None


def test_what_the_published_schemas_accept_of_the_real_manifests_is_accepted() -> None:
    verdicts = {}
    for name, raw in real_manifests().items():
        version = raw.get("schemaVersion", "1.6").replace("1.5.1", "1.5")
        verdicts[name] = (not published_findings(raw, version), validate_manifest(raw).accepted)
    assert {name for name, (theirs, ours) in verdicts.items() if theirs != ours} == set()
    assert sum(ours for _, ours in verdicts.values()) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("version", PUBLISHED)
def test_each_single_change_to_a_manifest_with_every_field_gets_the_same_verdict(version: str) -> None:
    found = list(differences(version))
    assert set(found) == {None}
    assert len(found) > 3_500


@settings(deadline=None, max_examples=1_000, database=None)
@given(st.data())
def test_changed_real_manifests_get_the_same_verdict(data: st.DataObject) -> None:
    raw = real_manifests()[data.draw(st.sampled_from(list(real_manifests())))]
    version = data.draw(st.sampled_from(PUBLISHED))
    changed = several_changes(raw, data.draw(st.integers(0, 2**32)), data.draw(st.integers(1, 5)))
    assert disagreement(changed | {"schemaVersion": version}, version) is None


@pytest.mark.slow
@pytest.mark.parametrize("version", PUBLISHED)
def test_single_changes_to_every_real_manifest_get_the_same_verdict(version: str) -> None:
    """One in thirty of all single changes; each version begins at another one."""
    compared = 0
    for real in real_manifests().values():
        cases = one_change_each(deepcopy(real) | {"schemaVersion": version})
        for raw in islice(cases, PUBLISHED.index(version), None, 30):
            compared += 1
            assert disagreement(raw, version) is None
    assert compared > 3_000


@pytest.mark.parametrize("root", [None, True, 5, "x", [], [{}], {}])
def test_other_roots_get_the_same_verdict(root: object) -> None:
    assert disagreement(root, "1.6") is None


@pytest.mark.parametrize("claimed", [*JUNK, "1.3", "1.6", "9.9", 2])
def test_a_version_that_the_published_schemas_refuse_is_refused_here(claimed: object) -> None:
    """The other way round there is a difference on purpose: they let any text pass as a version."""
    raw = a_small_manifest(schemaVersion=claimed)
    theirs = published_findings(raw, "1.6")
    ours = [(error.field, error.rule) for error in validate_manifest(raw).errors]
    if any(rule == "type" for _, rule in theirs):
        assert ours == [("schemaVersion", "type")]
    elif theirs:
        assert ours == [("schemaVersion", "one-of")]


def test_the_address_format_of_the_published_schemas_is_a_remark_and_our_own_rule_takes_its_place() -> None:
    raw = a_small_manifest(baseUrl="https://not a uri")
    assert published_validator("1.6").is_valid(raw)
    assert [(error.field, error.rule) for error in validate_manifest(raw).errors] == [("baseUrl", "base-url")]


@pytest.mark.parametrize(("version", "amended"), [("1.0.1", "1.0"), ("1.0.2", "1.0"), ("1.5.1", "1.5")])
def test_versions_without_a_public_text_are_judged_by_the_one_that_they_amend(version: str, amended: str) -> None:
    assert manifest_versions.VERSIONS[version] is manifest_versions.VERSIONS[amended]


# --- proof that the comparison can fail

VERSIONS = manifest_versions.VERSIONS
DOCTORED = {
    "events too many": ("1.3", {"events": VERSIONS["1.5"].events}),
    "an event too few": ("1.6", {"events": VERSIONS["1.5"].events}),
    "a component type too few": ("1.6", {"component_types": VERSIONS["1.5"].component_types}),
    "setting types too few": ("1.6", {"setting_types": VERSIONS["1.1"].setting_types}),
    "no label needed": ("1.3", {"component_required": VERSIONS["1.2"].component_required}),
    "scopes needed": ("1.6", {"required": VERSIONS["1.2"].required}),
    "plan and scopes too early": ("1.0", {"plan_and_scopes": True}),
    "size too early": ("1.0", {"component_size": True}),
    "labels one longer": ("1.0", {"label_max": 26}),
    "labels one shorter": ("1.0", {"label_max": 24}),
}


@pytest.mark.parametrize(
    "doctored", [pytest.param(it, marks=() if it == QUICKLY else pytest.mark.slow) for it in DOCTORED]
)
def test_a_doctored_table_is_found_out(doctored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    version, change = DOCTORED[doctored]
    wrong = replace(VERSIONS[version], **change)  # type: ignore[arg-type]
    monkeypatch.setitem(VERSIONS, version, wrong)
    assert any(differences(version))


def demands(schema: Json) -> list[Spot]:
    """Every single demand in one of our schemas: its place, to be taken away."""
    found: list[Spot] = []
    for key, value in schema.items():
        if key in {"enum", "required"}:
            found += [(value, index) for index in range(len(value))]
        elif key == "properties":
            found += [spot for child in value.values() for spot in demands(child)]
        elif key == "items":
            found += demands(value)
        # An enumeration of texts asks for a text already; and these two ask for nothing.
        elif not (key == "type" and "enum" in schema) and (key, value) not in [("minItems", 0), ("uniqueItems", False)]:
            found.append((schema, key))
    return found


@pytest.mark.slow
def test_no_demand_of_a_schema_can_be_lost_unnoticed() -> None:
    """Taking away any one demand changes the verdict on some case. Version 1.2 makes demands of every kind."""
    version = "1.2"
    verdicts = zip(single_changes(version), verdicts_on_single_changes(version), strict=True)
    cases: list[tuple[object, bool]] = [(deepcopy(raw), not theirs) for raw, theirs in verdicts if len(theirs) <= 1]
    cases.append((None, False))
    whole = manifest_schema.schema_of(manifest_versions.VERSIONS[version])
    unnoticed = []
    for number in range(len(demands(whole))):
        schema = deepcopy(whole)
        holder, key = demands(schema)[number]
        lost = f"{key}: {holder.pop(key)}"
        judge = manifest_schema._Validator(schema)
        if all(judge.is_valid(raw) == accepted for raw, accepted in cases):
            unnoticed.append(lost)
    assert unnoticed == []
