"""The view that the services work with."""

import pytest
from pydantic import ValidationError

from services.catalog.manifest import Manifest, join_url
from shared.contracts.auth import Plan
from shared.rules.manifest import Component, Webhook
from tests.unit.catalog.manifests import a_manifest, a_small_manifest


@pytest.mark.parametrize("base", ["https://a.example/x", "https://a.example/x/", "https://a.example/x//"])
@pytest.mark.parametrize("path", ["y/z", "/y/z", "//y/z"])
def test_every_mix_of_slashes_leads_to_the_same_place(base: str, path: str) -> None:
    assert join_url(base, path) == "https://a.example/x/y/z"


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_empty_path_is_the_base_itself(path: str) -> None:
    assert join_url("https://a.example/", path) == "https://a.example/"


def test_the_view_holds_what_the_manifest_says() -> None:
    raw = a_manifest()
    assert Manifest.of(raw) == Manifest(
        key="harvest-sheets",
        name="Harvest Sheets",
        base_url="https://sheets.example.com/addon/",
        description="Writes the week into a sheet",
        minimal_plan=Plan.STANDARD,
        scopes=("TIME_ENTRY_READ", "USER_READ"),
        lifecycle={"INSTALLED": "/lifecycle/installed", "DELETED": "lifecycle/deleted"},
        webhooks=(Webhook(event="NEW_TIME_ENTRY", path="/hooks/entry"),),
        components=(
            Component(
                type="sidebar",
                access_level="ADMINS",
                path="/",
                label="Sheets",
                icon_path="/side.svg",
                options={"wide": True},
            ),
        ),
        settings=raw["settings"],
        icon="icon.svg",
    )


def test_what_the_manifest_does_not_say_has_a_default() -> None:
    view = Manifest.of({"key": "aa", "name": "A", "baseUrl": "https://a.example"})
    assert (view.minimal_plan, view.scopes, view.lifecycle, view.webhooks) == (Plan.FREE, (), {}, ())
    assert (view.components, view.settings, view.icon) == ((), None, "")


def test_the_view_does_not_change() -> None:
    view = Manifest.of(a_small_manifest())
    with pytest.raises(ValidationError):
        view.name = "B"  # type: ignore[misc]
