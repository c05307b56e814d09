"""The marketplace's own rules, beyond the published schemas.

Errors are for what can never work; warnings for what the platform's documents ask but real add-ons do not keep.
Every rule looks at whatever has the right shape, so that a publisher sees all findings at once.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from services.catalog.manifest_report import Level, ManifestError, shown
from services.catalog.manifest_schema import schema_of
from services.catalog.manifest_versions import LATEST, PLANS, SCOPES, VERSIONS, Version

Json = dict[str, Any]

# The platform's documents: 10 webhooks until 2025, 20 since 2026; one sidebar. Real add-ons have shipped with two.
MAX_WEBHOOKS = 20
MAX_SIDEBARS = 1

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_URL_DELIMITER = re.compile(r"[/\\?#%]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
_MAX_HOST_CHARS = 253


def marketplace_findings(raw: Json, version: str) -> Iterator[ManifestError]:
    """What our own rules say about a manifest that claims `version`."""
    yield from _names(raw)
    yield from _base_url(raw)
    yield from _paths(raw)
    yield from _lifecycle(raw)
    yield from _plan_and_scopes(raw, VERSIONS[version])
    yield from _settings(raw)
    yield from _amounts(raw)
    yield from _unknown_fields(raw)


def _names(raw: Json) -> Iterator[ManifestError]:
    """Key and name stand in addresses, mails and lists, where a line break or a slash means something else."""
    for field in ("key", "name"):
        if isinstance(text := raw.get(field), str) and _CONTROL.search(text):
            yield _error(field, "single-line", f"{field} must be one line without control characters", text)
    if isinstance(key := raw.get("key"), str) and (_URL_DELIMITER.search(key) or key in {".", ".."}):
        yield _error("key", "key-characters", "key must not be . or .. or contain any of / \\ ? # %", key)


def _base_url(raw: Json) -> Iterator[ManifestError]:
    if "baseUrl" not in raw:
        return
    url = raw["baseUrl"]
    if not isinstance(url, str):
        yield _error("baseUrl", "base-url", "baseUrl must be a text, the address that all paths are added to", url)
    elif re.match("https?://", url) and (why := _why_not_base(url)):
        yield _error("baseUrl", "base-url", f"baseUrl must be an address that paths can be added to, but {why}", url)


def _why_not_base(url: str) -> str | None:
    if _NOT_IN_URL.search(url):
        return "it contains a space, a control character or a backslash"
    try:
        parts = urlsplit(url)
        port_works = parts.port != 0
    except ValueError as error:
        return f"it cannot be read ({error})"
    return next(
        (
            why
            for why, wrong in {
                "it names no host that can exist": not _can_be_host(parts.hostname or ""),
                "its port is 0": not port_works,
                "it contains a user or a password": "@" in parts.netloc,
                "it has a fragment (#)": "#" in url,
            }.items()
            if wrong
        ),
        None,
    )


def _can_be_host(host: str) -> bool:
    if len(host) > _MAX_HOST_CHARS:
        return False
    try:
        return bool(ipaddress.IPv6Address(host)) if ":" in host else bool(_HOST.fullmatch(host.encode("idna").decode()))
    except ValueError:
        return False


def _paths(raw: Json) -> Iterator[ManifestError]:
    """A path is added to `baseUrl`: an address of its own, or a way out of it, leads nowhere."""
    for field, path in _all_paths(raw):
        if not isinstance(path, str):
            continue
        if _CONTROL.search(path) or "\\" in path:
            yield _error(field, "path", f"{field} must not contain control characters or backslashes", path)
        elif _SCHEME.match(path):
            yield _error(field, "path", f"{field} must be a path below baseUrl, not an address of its own", path)
        elif _climbs_out(path):
            yield _error(field, "path", f"{field} must stay below baseUrl, but .. leads out of it", path)


def _all_paths(raw: Json) -> Iterator[tuple[str, object]]:
    yield "iconPath", raw.get("iconPath")
    yield "settings", raw.get("settings")
    for part in ("lifecycle", "webhooks", "components"):
        for field, entry in _entries(raw, part):
            yield f"{field}.path", entry.get("path")
    for field, component in _entries(raw, "components"):
        yield f"{field}.iconPath", component.get("iconPath")


def _climbs_out(path: str) -> bool:
    depth = 0
    # Browsers and servers take %2e for a dot.
    for step in unquote(re.split(r"[?#]", path)[0]).split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(step, 1)
        if depth < 0:
            return True
    return False


def _lifecycle(raw: Json) -> Iterator[ManifestError]:
    """The platform makes one call per lifecycle event, so two paths for one event contradict each other."""
    counts = Counter(entry["type"] for _, entry in _entries(raw, "lifecycle") if isinstance(entry.get("type"), str))
    for event, count in counts.items():
        if count > 1:
            yield _error(
                "lifecycle", "one-per-type", f"lifecycle must have one entry per type, but {count} have", event
            )


def _plan_and_scopes(raw: Json, version: Version) -> Iterator[ManifestError]:
    """Version 1.0 does not define these fields, but real manifests of it have them, and mean them."""
    if version.plan_and_scopes:
        return
    plan, scopes = raw.get("minimalSubscriptionPlan", PLANS[0]), raw.get("scopes", [])
    if plan not in PLANS:
        message = f"minimalSubscriptionPlan should be one of {', '.join(PLANS)}; FREE is assumed, not the value given"
        yield _warning("minimalSubscriptionPlan", "unknown-plan", message, plan)
    unknown = [scope for scope in scopes if scope not in SCOPES] if isinstance(scopes, list) else scopes
    if unknown not in ([], ()):
        message = "scopes should be a list of scopes that later versions know, which these are not"
        yield _warning("scopes", "unknown-scope", message, unknown)


def _settings(raw: Json) -> Iterator[ManifestError]:
    """Any text passes as the path of a settings page; real manifests have put their settings there as a string."""
    settings = raw.get("settings")
    if isinstance(settings, str) and settings.lstrip().startswith("{"):
        message = "settings is a text and so is taken as the path of a settings page; give the object itself"
        yield _warning("settings", "settings-path", f"{message}, not as a string", settings)


def _amounts(raw: Json) -> Iterator[ManifestError]:
    webhooks = sum(1 for _ in _entries(raw, "webhooks"))
    if webhooks > MAX_WEBHOOKS:
        yield _warning("webhooks", "max-webhooks", f"webhooks should have at most {MAX_WEBHOOKS} entries", webhooks)
    sidebars = sum(component.get("type") == "sidebar" for _, component in _entries(raw, "components"))
    if sidebars > MAX_SIDEBARS:
        yield _warning("components", "one-sidebar", "components should have one sidebar at most", sidebars)


def _unknown_fields(raw: Json) -> Iterator[ManifestError]:
    known = {"schemaVersion", *schema_of(VERSIONS[LATEST])["properties"]}
    for field in (field for field in raw if field not in known):
        yield _warning(
            shown(field)[1:-1], "unknown-field", f"{shown(field)} is no field of a manifest; it is ignored", raw[field]
        )


def _entries(raw: Json, part: str) -> Iterator[tuple[str, Json]]:
    entries = raw.get(part)
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            yield f"{part}[{index}]", entry


def _error(field: str, rule: str, message: str, given: object) -> ManifestError:
    return ManifestError(field, rule, f"{message}; given: {shown(given)}.", shown(given))


def _warning(field: str, rule: str, message: str, given: object) -> ManifestError:
    return ManifestError(field, rule, f"{message}; given: {shown(given)}.", shown(given), Level.WARNING)
