"""Where add-ons find us: `apiUrl` and `backendUrl` of the wire contract, for each data region."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

WIRE_PATH = "/addon-api"
"""Beneath this path the gateway reaches the wire contract's own endpoints."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the add-ons of one region find us (or, behind the gateway, the product's API)."""

    api_url: str
    backend_url: str

    def claims(self) -> dict[str, str]:
        """The addresses that the platform puts into tokens; the lesser ones lie beneath `apiUrl`."""
        return {
            "backendUrl": self.backend_url,
            "apiUrl": self.api_url,
            "reportsUrl": f"{self.api_url}/reports",
            "locationsUrl": f"{self.api_url}/locations",
            "screenshotsUrl": f"{self.api_url}/screenshots",
            "ptoUrl": f"{self.api_url}/pto",
        }


@dataclass(frozen=True, slots=True)
class AddressBook:
    """The addresses of all regions."""

    default: Addresses
    by_region: Mapping[str, Addresses]

    def of(self, region: str) -> Addresses:
        """Those of the region, or the default ones of a region without any."""
        return self.by_region.get(region, self.default)


def address_book(
    public_url: str,
    api_url: str | None,
    backend_url: str | None,
    regions: Mapping[str, Mapping[Literal["api_url", "backend_url"], str]],
) -> AddressBook:
    """Build it from settings: what a region leaves out is as by default, which is the gateway's own address."""
    default = Addresses(api_url or f"{public_url}{WIRE_PATH}", backend_url or f"{public_url}{WIRE_PATH}")
    return AddressBook(
        default,
        {
            region: Addresses(urls.get("api_url", default.api_url), urls.get("backend_url", default.backend_url))
            for region, urls in regions.items()
        },
    )
