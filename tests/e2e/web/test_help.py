"""Row S18 in a browser: a way to support from every screen, and an answer on whether it was helpful that is kept."""

import secrets
from typing import Any

from playwright.sync_api import expect

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.web.screens import Screens

SUPPORT = "https://support.example/help"
FOR_EVERYBODY = (
    *("/", "/notices", "/login", "/signup", "/verify-email", "/reset-password", "/invite", "/no-such-page"),
    *("/manage-accounts", "/profile"),
)


def kept(marketplace: Marketplace, person: Caller) -> list[dict[str, Any]]:
    """The person's answers, as operators read them."""
    items = marketplace.operator.call("GET", "/api/notifier/v1/feedback")["items"]
    return [one for one in items if one["user_id"] == person.user_id]


def offers_help(screens: Screens) -> None:
    """Support and the question, at the end of the screen that is shown."""
    foot = screens.page.get_by_role("contentinfo")
    expect(foot.get_by_role("link", name="Get support")).to_have_attribute("href", SUPPORT)
    expect(foot.get_by_text("Was this helpful?")).to_be_visible()
    expect(foot.get_by_role("button", name="Yes", exact=True)).to_be_enabled()
    expect(foot.get_by_role("button", name="No", exact=True)).to_be_enabled()


def test_s18_support_is_one_step_away_from_every_screen_in_the_browser(
    marketplace: Marketplace, screens: Screens, addon: SampleAddOn
) -> None:
    somebody = marketplace.customer("Sia")
    workspace = marketplace.workspace(somebody)
    installation = marketplace.install(addon, workspace, somebody)
    for path in (*FOR_EVERYBODY, f"/addons/{addon.key}", f"/addons/{addon.key}/install"):
        screens.open(path)
        offers_help(screens)
    screens.log_in(somebody)
    own = (f"/workspaces/{workspace}", f"/workspaces/{workspace}/members", f"/installations/{installation}")
    for path in (*own, f"/addons/{addon.key}/install", "/manage-accounts", "/profile"):
        screens.open(path)
        screens.is_logged_in(somebody.name)
        offers_help(screens)


def test_s18_an_answer_on_whether_it_was_helpful_is_kept_in_the_browser(
    marketplace: Marketplace, screens: Screens, addon: SampleAddOn
) -> None:
    somebody = marketplace.customer("Sam")
    screens.log_in(somebody, f"/addons/{addon.key}")
    foot = screens.page.get_by_role("contentinfo")
    words = f"What it costs, {secrets.token_hex(4)}"

    foot.get_by_role("button", name="No", exact=True).click()
    foot.get_by_label("What was missing? (optional)").fill(words)
    foot.get_by_role("button", name="Send").click()
    expect(foot.get_by_role("status")).to_have_text("Thank you for the answer.")
    told = eventually(lambda: [one for one in kept(marketplace, somebody) if one["text"]], "the answer")
    assert [(one["page"], one["helpful"], one["text"]) for one in told] == [(f"/addons/{addon.key}", False, words)]

    # Another page asks anew.
    screens.menu.get_by_role("link", name="Notices").click()
    foot.get_by_role("button", name="Yes", exact=True).click()
    expect(foot.get_by_role("status")).to_have_text("Thank you for the answer.")
    eventually(
        lambda: [one for one in kept(marketplace, somebody) if (one["page"], one["helpful"]) == ("/notices", True)],
        "the other answer",
    )
