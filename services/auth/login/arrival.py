"""Where a visitor comes from, and so which product knows them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from services.auth.settings import ProviderSettings

How = Literal["issuer", "region", "subdomain", "referrer"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an arrival tells, as it came."""

    issuer: str | None = None
    region: str | None = None
    subdomain: str | None = None
    referrer: str | None = None


def recognise(providers: Sequence[ProviderSettings], arrival: Arrival) -> tuple[ProviderSettings, How] | None:
    """The provider that knows this visitor, by the first of these that names one. Of several the first configured."""
    for one in providers:
        if arrival.issuer == one.issuer:
            return one, "issuer"
    region = (arrival.region or "").lower()
    for one in providers:
        if region and region in (one.region.lower(), *(name.lower() for name in one.regions)):
            return one, "region"
    for host, how in ((arrival.subdomain or "", "subdomain"), (_host(arrival.referrer or ""), "referrer")):
        found = _by_host(providers, host.lower().rstrip("."), whole="." in host or how == "referrer")
        if found is not None:
            return found, "subdomain" if how == "subdomain" else "referrer"
    return None


def with_parameter(path: str, name: str, value: str) -> str:
    """The path of ours with this query parameter, in place of any other of its name."""
    parts = urlsplit(path)
    rest = [(known, text) for known, text in parse_qsl(parts.query, keep_blank_values=True) if known != name]
    return urlunsplit(("", "", parts.path, urlencode([*rest, (name, value)]), parts.fragment))


def _by_host(providers: Sequence[ProviderSettings], host: str, *, whole: bool) -> ProviderSettings | None:
    """By a host; or, if it is not `whole`, by what stands for the star of a pattern, or is a pattern's first label."""
    if not host:
        return None
    if whole:
        labels = host.partition(".")
        return next((one for one in providers if {host, f"*.{labels[2]}"} & set(one.addresses)), None)
    exact = (one for one in providers if any(each.partition(".")[0] == host for each in one.addresses))
    starred = (one for one in providers if any(each.startswith("*.") for each in one.addresses))
    return next(exact, None) or next(starred, None)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
