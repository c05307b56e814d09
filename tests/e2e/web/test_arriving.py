"""Rows S1, S5 and S6 in a browser: whom the product knows is known here, and others log in with it."""

import re
from urllib.parse import urlencode

from playwright.sync_api import Browser, Request, expect

from tests.browser import nobodys, without_foreign_cookies
from tests.e2e.arriving import from_product, knows_at_product, login, somebody
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.two_factor import next_code
from tests.e2e.visitor import Visitor
from tests.e2e.web.enrolling import enrol
from tests.e2e.web.screens import Screens
from tests.openid_provider import OpenIdProvider


def asked_by(visitor: Visitor, provider: OpenIdProvider) -> list[str]:
    """The forms of the product that were shown."""
    return [url for url in visitor.went if url.startswith(provider.issuer) and "/interaction/" in url]


def test_s1_who_arrives_from_the_product_is_logged_in_without_a_form_in_the_browser(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor, screens: Screens, addon: SampleAddOn
) -> None:
    name, _ = somebody(globe)
    knows_at_product(visitor, globe, name)

    from_product(visitor, globe, f"{marketplace.url}/addons/{addon.key}?{urlencode({'iss': globe.issuer})}")

    screens.is_logged_in(name)
    screens.shows(addon.title)
    screens.is_at(f"/addons/{addon.key}")
    assert asked_by(visitor, globe) == []


def test_s1_the_sample_product_leads_its_visitor_here_logged_in_in_the_browser(
    marketplace: Marketplace, screens: Screens
) -> None:
    gus = marketplace.customer_of_the_product("Gus")
    screens.page.goto(f"{marketplace.product_url}/login")
    screens.give_to_product(gus)

    screens.page.get_by_role("link", name="Add-ons").click()

    screens.is_logged_in(gus.name)
    screens.is_at("/")


def test_s1_whom_the_product_does_not_know_stays_a_guest_in_the_browser(
    globe: OpenIdProvider, visitor: Visitor, screens: Screens, addon: SampleAddOn
) -> None:
    with screens.page.expect_response(lambda answer: "/login/callback/globe" in answer.url):
        screens.open(f"/addons/{addon.key}?region=nz")

    screens.is_logged_out()
    screens.shows(addon.title)
    screens.is_at(f"/addons/{addon.key}")
    assert asked_by(visitor, globe) == []
    visitor.went.clear()
    screens.open(f"/addons/{addon.key}?region=nz")
    screens.is_logged_out()
    screens.page.get_by_role("link", name="Install").click()
    screens.shows(f"Install {addon.title}")
    assert not [url for url in visitor.went if url.startswith(globe.issuer)]


def test_s1_who_arrives_without_their_second_factor_is_asked_for_its_code_and_led_back(
    marketplace: Marketplace, globe: OpenIdProvider, visitor: Visitor, screens: Screens, addon: SampleAddOn
) -> None:
    name, _ = somebody(globe)
    knows_at_product(visitor, globe, name)
    arriving = f"{marketplace.url}/addons/{addon.key}?{urlencode({'iss': globe.issuer})}"
    from_product(visitor, globe, arriving)
    screens.menu.get_by_role("link", name=name).click()
    device = enrol(screens)
    screens.page.context.clear_cookies(domain="localhost")  # what the marketplace has

    from_product(visitor, globe, arriving)
    screens.shows("Second factor")
    screens.page.get_by_label("Code").fill(next_code(device))
    screens.button("Log in").click()

    screens.is_logged_in(name)
    screens.shows(addon.title)
    screens.is_at(f"/addons/{addon.key}")


def test_s5_log_in_with_the_product_and_back_to_the_same_page_in_the_browser(
    globe: OpenIdProvider, visitor: Visitor, screens: Screens, addon: SampleAddOn
) -> None:
    name, _ = somebody(globe)
    screens.open(f"/addons/{addon.key}")
    screens.shows(addon.title)
    screens.menu.get_by_role("link", name="Log in").click()
    screens.shows("Log in")

    screens.link("Log in with Globe").click()
    expect(screens.page).to_have_url(re.compile(f"^{re.escape(globe.issuer)}/interaction/"))
    visitor.log_in_as(name)

    screens.is_at(f"/addons/{addon.key}")
    screens.shows(addon.title)
    screens.is_logged_in(name)


def test_s6_a_known_region_or_subdomain_is_recognised_in_the_browser(
    globe: OpenIdProvider, visitor: Visitor, screens: Screens
) -> None:
    name, _ = somebody(globe)
    for query in ("region=nz", "subdomain=acme.globe.example"):
        knows_at_product(visitor, globe, name)

        screens.open(f"/notices?{query}")

        screens.is_logged_in(name)
        screens.shows("Notices")
        screens.is_at("/notices")
        assert asked_by(visitor, globe) == []


def test_s6_who_is_recognised_but_not_confirmed_stays_out_and_is_told_in_the_browser(
    island: OpenIdProvider, visitor: Visitor, screens: Screens
) -> None:
    name, _ = somebody(island)
    screens.open(login(island))
    visitor.log_in_as(name)

    screens.open("/notices?region=is")

    screens.shows("Notices")
    screens.is_logged_out()
    screens.says("Your e-mail address is not confirmed")


def test_nothing_depends_on_cookies_of_third_parties(
    marketplace: Marketplace, browser: Browser, globe: OpenIdProvider, addon: SampleAddOn
) -> None:
    with without_foreign_cookies(browser) as strict, nobodys(strict) as context:
        visitor = Visitor(context, marketplace.url)
        foreign: list[str] = []

        def note(request: Request) -> None:
            if not request.is_navigation_request() and not request.url.startswith((marketplace.url, "data:", "blob:")):
                foreign.append(request.url)

        name, _ = somebody(globe)
        knows_at_product(visitor, globe, name)
        screens = Screens(visitor)
        visitor.page.on("request", note)
        from_product(visitor, globe, f"{marketplace.url}/addons/{addon.key}?{urlencode({'iss': globe.issuer})}")
        screens.is_logged_in(name)
        visitor.page.reload()
        screens.is_logged_in(name)

        assert [one for one in foreign if not one.startswith(globe.issuer)] == []
        assert len(context.pages) == 1
        assert len(visitor.page.frames) == 1, "something is shown in a frame"
        assert screens.broken == []
