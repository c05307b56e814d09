"""Visitors at the web client."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import nobodys
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.visitor import Visitor
from tests.e2e.web.screens import Screens
from tests.e2e.web.wishes import Wish


@pytest.fixture
def screens(visitor: Visitor) -> Iterator[Screens]:
    """Somebody new at the web client, in which no script may fail."""
    shown = Screens(visitor)
    yield shown
    assert shown.broken == []


@pytest.fixture
def another_browser(marketplace: Marketplace, browser: Browser) -> Iterator[Callable[[], Screens]]:
    """Somebody else at the web client, with a browser of their own."""
    with nobodys(browser) as context:
        shown: list[Screens] = []

        def make() -> Screens:
            shown.append(Screens(Visitor(context, marketplace.url)))
            return shown[-1]

        yield make
        assert [fault for one in shown for fault in one.broken] == []


@pytest.fixture
def wish(marketplace: Marketplace, owner: Caller, addon: SampleAddOn) -> Wish:
    room = marketplace.workspace(owner)
    marketplace.preflight(addon.key, room, owner)
    return Wish(owner, room, addon)
