"""What the API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.catalog.domain import MAX_ADDRESS, Listing
from shared.contracts.catalog import Visibility
from shared.plumbing.mongo import Document
from shared.plumbing.openapi import example


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")) or any(letter.isspace() for letter in text):
        raise ValueError("must be an http(s) address")
    return text


WebAddress = Annotated[str, StringConstraints(max_length=MAX_ADDRESS), AfterValidator(_web_address)]
WorkspaceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
PublisherName = Annotated[str, StringConstraints(strip_whitespace=True)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]


class Closed(BaseModel):
    """Refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid")


class _WithManifest(Closed):
    manifest: dict[str, Any] | None = Field(None, description="The manifest itself")
    manifest_url: WebAddress | None = Field(None, description="Where the add-on serves it")

    @model_validator(mode="after")
    def _not_two(self) -> Self:
        if self.manifest is not None and self.manifest_url is not None:
            raise ValueError("give a manifest or a manifest_url, not both")
        return self


class ListingFields(Closed):
    """Our own fields of a listing; lengths as the platform's listing form has them."""

    publisher_name: PublisherName = Field("", max_length=100, description="As visitors are told who publishes it")
    short_text: str = Field("", max_length=140)
    long_text: str = Field("", max_length=1500)
    category: str = Field("", max_length=50)
    products: list[Name] = Field([], max_length=20, description="Products it fits; empty: every product")
    visibility: Visibility = Visibility.PUBLIC
    visible_to: list[WorkspaceId] = Field([], max_length=100, description="Workspaces, when private")
    support_url: WebAddress | None = None
    privacy_url: WebAddress | None = None


class _OneManifest(_WithManifest):
    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.manifest is None and self.manifest_url is None:
            raise ValueError("give a manifest or a manifest_url")
        return self


class Publish(ListingFields, _OneManifest):
    """A new add-on: exactly one of manifest and manifest_url."""

    model_config = example(
        {
            "manifest_url": "https://timer.example/manifest.json",
            "publisher_name": "Timer Ltd",
            "short_text": "Starts a timer from any page.",
            "category": "time-tracking",
            "products": ["clockify"],
            "support_url": "https://timer.example/help",
        }
    )


class Validate(_OneManifest):
    """A manifest to be judged only: exactly one of manifest and manifest_url."""

    model_config = example({"manifest_url": "https://timer.example/manifest.json"})


class Update(ListingFields, _WithManifest):
    """What to change, with one of manifest and manifest_url at most; fields left out stay."""

    model_config = example({"short_text": "Starts and stops a timer from any page."})


class Finding(BaseModel):
    """One thing about a manifest."""

    field: str
    rule: str
    message: str
    given: str | None


class Verdict(BaseModel):
    """Whether a manifest may be published."""

    accepted: bool
    schema_version: str | None
    errors: list[Finding]
    warnings: list[Finding]


class Health(BaseModel):
    """Whether the add-on answers at present."""

    status: Literal["ok", "unavailable", "recovering"]
    since: datetime | None = None


class AddOn(BaseModel):
    """A listing as visitors see it."""

    key: str
    name: str
    short_text: str
    long_text: str
    category: str
    products: list[str]
    minimal_plan: str
    visibility: Visibility
    publisher_name: str
    scopes: list[str]
    icon_url: str | None
    publisher_id: str
    support_url: str | None
    privacy_url: str | None
    installs: int
    health: Health
    withdrawn: bool
    version: int
    manifest_version: int
    published_at: datetime
    changed_at: datetime


class AddOnDetail(AddOn):
    """A listing with its manifest; `visible_to` only for those who may change it."""

    manifest: dict[str, Any]
    visible_to: list[str] | None = None


class Category(BaseModel):
    """A category and how much is in it."""

    name: str
    addons: int


_STATUS: dict[str, Literal["ok", "unavailable", "recovering"]] = {
    "closed": "ok",
    "open": "unavailable",
    "half_open": "recovering",
}


_SAME = (
    *("name", "short_text", "long_text", "category", "products", "minimal_plan", "visibility", "publisher_id"),
    *("support_url", "privacy_url", "installs", "withdrawn", "version", "manifest_version"),
    *("icon_url", "scopes", "published_at", "changed_at"),
)


def health_of(state: Document | None) -> Health:
    """From the installer's breaker; never heard of, or not any more, is well."""
    if state is None or state.get("deleted"):
        return Health(status="ok")
    return Health(status=_STATUS[state["breaker"]], since=state["since"])


def addon_fields(listing: Listing, state: Document | None) -> dict[str, Any]:
    """The fields of `AddOn`."""
    named = {"publisher_name": listing.get("publisher_name", "")}  # older listings have none
    return {"key": listing["_id"], **{name: listing[name] for name in _SAME}, **named, "health": health_of(state)}
