"""How an accepted manifest is read: catalog and installer must see the same add-on in the same JSON.

The manifest travels as the publisher's own JSON; this is the view of it that the services work with. It is
made from manifests that the catalog accepted, so it does not explain what is wrong with others.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.contracts.auth import Plan


def join_url(base_url: str, path: str) -> str:
    """`base_url` and `path` with exactly one slash between them.

    The platform's contract calls it concatenation; real manifests end the base in a slash, begin the path with
    none, or both, so every mix must lead to the same place.
    """
    return f"{base_url.rstrip('/')}/{path.lstrip('/')}"


def _by_type(entries: object) -> object:
    if not isinstance(entries, list):
        return entries
    return {entry["type"]: entry["path"] for entry in entries}


# Version 1.0 does not define these two fields and so lets anything through; what makes no sense means nothing.
def _known_plan(value: object) -> object:
    return value if isinstance(value, str) and value in set(Plan) else Plan.FREE


def _texts(value: object) -> object:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list | tuple) else []


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Webhook(_View):
    """An event that the add-on wants to hear of."""

    event: str
    path: str


class Component(_View):
    """A place in the product's screens that the add-on fills."""

    type: str
    access_level: str
    path: str
    label: str = ""
    icon_path: str = ""
    options: dict[str, Any] = Field(default_factory=dict)


class Manifest(_View):
    """An accepted manifest. Paths are as given; `join_url` makes addresses of them."""

    key: str
    name: str
    base_url: str
    description: str = ""
    minimal_plan: Annotated[Plan, BeforeValidator(_known_plan), Field(alias="minimalSubscriptionPlan")] = Plan.FREE
    scopes: Annotated[tuple[str, ...], BeforeValidator(_texts)] = ()
    lifecycle: Annotated[dict[str, str], BeforeValidator(_by_type)] = Field(default_factory=dict)
    """Path by lifecycle event; only what is declared here is called."""
    webhooks: tuple[Webhook, ...] = ()
    components: tuple[Component, ...] = ()
    settings: str | dict[str, Any] | None = None
    """Path of the add-on's own settings page, or the `{"tabs": ...}` that the marketplace renders."""
    icon: Annotated[str, Field(alias="iconPath")] = ""

    @classmethod
    def of(cls, accepted: Mapping[str, Any]) -> Self:
        """The view of an accepted manifest's JSON."""
        return cls.model_validate(accepted)

    @property
    def icon_url(self) -> str | None:
        """The add-on's icon, if it has one."""
        return join_url(self.base_url, self.icon) if self.icon else None
