"""The verdict on a manifest: readable, of a known version, as that version asks, and by our own rules."""

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice
from typing import Any

from jsonschema import ValidationError

from services.catalog.manifest_body import UnreadableManifestError, parse_manifest_bytes, unfit
from services.catalog.manifest_report import Level, ManifestError, ManifestReport, field_name, shown
from services.catalog.manifest_rules import marketplace_findings
from services.catalog.manifest_schema import Schema, schema_of, validator
from services.catalog.manifest_versions import LATEST, VERSIONS
from shared.rules.manifest import Manifest, join_url

__all__ = [
    "Manifest",
    "ManifestError",
    "ManifestReport",
    "UnreadableManifestError",
    "join_url",
    "parse_manifest_bytes",
    "read_manifest",
    "validate_manifest",
]

MAX_FINDINGS = 100

RULE_BY_KEYWORD = {
    "required": "required",
    "type": "type",
    "enum": "one-of",
    "minLength": "length",
    "maxLength": "length",
    "pattern": "pattern",
    "uniqueItems": "unique",
    "minItems": "min-items",
}
"""The rules of the published schemas; findings under any other name are the marketplace's own."""

_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}
_MAX_GUESS_CHARS = 60


def read_manifest(body: bytes, content_type: str = "") -> ManifestReport:
    """The verdict on bytes that an add-on served. Never raises: what cannot be read is a finding as well."""
    try:
        raw = parse_manifest_bytes(body, content_type)
    except UnreadableManifestError as error:
        return _report(None, list(error.findings))
    return validate_manifest(raw)


def validate_manifest(raw: object) -> ManifestReport:
    """The verdict on a JSON value. Never raises. At most 100 errors and 100 warnings are listed.

    Without a `schemaVersion` the latest version judges. A version that is not known is the only finding, since
    any other would be a guess.
    """
    if findings := unfit(raw):
        return _report(None, list(findings))
    if not isinstance(raw, dict):
        message = f"The manifest must be an object; given: {shown(raw)}."
        return _report(None, [ManifestError("manifest", "type", message, shown(raw))])
    version = _version_of(raw)
    if isinstance(version, ManifestError):
        return _report(None, [version])
    return _report(version, [*_schema_errors(raw, version), *marketplace_findings(raw, version)], raw)


def _report(version: str | None, findings: list[ManifestError], raw: dict[str, Any] | None = None) -> ManifestReport:
    errors = tuple(finding for finding in findings if finding.level is Level.ERROR)
    warnings = tuple(finding for finding in findings if finding.level is Level.WARNING)
    return ManifestReport(
        version=version,
        errors=errors[:MAX_FINDINGS],
        warnings=warnings[:MAX_FINDINGS],
        truncated=max(len(errors), len(warnings)) > MAX_FINDINGS,
        manifest=None if errors or raw is None else Manifest.of(raw),
        raw=None if errors else raw,
    )


def _version_of(raw: dict[str, Any]) -> str | ManifestError:
    given = raw.get("schemaVersion", LATEST)
    known = ", ".join(VERSIONS)
    if isinstance(given, bool) or not isinstance(given, str | int):
        message = (
            f'schemaVersion must be a text such as "{LATEST}" (known: {known}) or an integer; given: {shown(given)}.'
        )
        return ManifestError("schemaVersion", "type", message, shown(given))
    version = "1.0" if given in {1, "1"} else given
    if version in VERSIONS:
        return str(version)
    message = f"schemaVersion must be one of {known}; given: {shown(given)}."
    return ManifestError("schemaVersion", "one-of", message, shown(given))


def _schema_errors(raw: dict[str, Any], version: str) -> Iterator[ManifestError]:
    wrong_type = None
    for error in islice(validator(VERSIONS[version]).iter_errors(raw), 2 * MAX_FINDINGS + 1):
        field = field_name(tuple(error.absolute_path))
        # A value of the wrong type breaks its other rules too (`type` comes first); one sentence is enough.
        if field == wrong_type:
            continue
        wrong_type = field if error.validator == "type" else None
        given = None if error.validator == "required" else shown(error.instance)
        suffix = "" if given is None else f"; given: {given}"
        message = f"{field} {_demand(error, version)}{suffix}."
        yield ManifestError(field, RULE_BY_KEYWORD[str(error.validator)], message, given)


def _demand(error: ValidationError, version: str) -> str:
    """What the broken rule asks, to follow the field's name in a sentence."""
    schema: Schema = dict(error.schema) if isinstance(error.schema, dict) else {}
    given: Any = error.instance
    match error.validator:
        case "required":
            present = ", ".join(shown(key, 40) for key in islice(given, 10)) or "nothing"
            demand = f"is required in version {version} but missing (given here: {present})"
        case "type":
            kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
            demand = f"must be {' or '.join(_KINDS[kind] for kind in kinds)}"
        case "enum":
            demand = f"must be one of {', '.join(schema['enum'])}{_hint(error, version)}"
        case "minLength" | "maxLength":
            least, most = schema.get("minLength", 0), schema.get("maxLength")
            demand = f"must be {f'at least {least}' if most is None else f'{least} to {most}'} characters long"
        case "pattern":
            demand = "must begin with http:// or https://"
        case "uniqueItems":
            demand = f"must not repeat an entry, but {error.message} are the same"
        case _:
            demand = f"must have at least {schema['minItems']} entry"
    return demand


def _hint(error: ValidationError, version: str) -> str:
    """The two mistakes that real manifests make: a value of another version, and a slip of the pen."""
    given = error.instance
    if not isinstance(given, str) or len(given) > _MAX_GUESS_CHARS:
        return ""
    elsewhere = [name for name, facts in VERSIONS.items() if given in _allowed(schema_of(facts), error)]
    if elsewhere:
        return f" in version {version} (versions {', '.join(elsewhere)} know it)"
    allowed: Any = error.validator_value
    by_lower = {value.lower(): value for value in allowed}
    close = get_close_matches(given.lower(), by_lower, n=1)
    return f' (did you mean "{by_lower[close[0]]}"?)' if close else ""


def _allowed(schema: Schema, error: ValidationError) -> list[str]:
    node: Any = schema
    for step in error.absolute_schema_path:
        node = node.get(step, {})
    return list(node)
