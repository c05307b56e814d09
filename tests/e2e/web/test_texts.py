"""Whatever is written into a field or comes from a publisher: text, never a part of the page, and nobody's layout."""

import json
import secrets
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Dialog, Locator, Page, Route, expect

from deploy.local.demo.people import eventually
from tests.e2e.invites import join
from tests.e2e.marketplace import Marketplace
from tests.e2e.people import Caller
from tests.e2e.publisher_site import Answer, Handler, Site, pours, says
from tests.e2e.web.screens import Screens, sticks_out
from tests.e2e.web.wishes import Wish

pytestmark = pytest.mark.slow

MARKUP = """<img src=x onerror="window.hit=1"><script>window.hit=1</script>"><svg/onload=window.hit=1>"""
RTL = "שלום עולם evil.org مرحبا بالعالم"
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}gro.live\N{POP DIRECTIONAL FORMATTING}"
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
SHOWN = {"long": "x" * 10_000, "words": "word " * 2_000, "rtl": RTL, "emoji": FAMILY * 12, "markup": MARKUP}
TEXTS = SHOWN | {"override": OVERRIDE}
TOLD = ".note.bad, .note.good, .error, input:invalid, [role=alert]"
INJECTED = "document.querySelectorAll('img[src=x], svg[onload], main script').length + Number(window.hit ?? 0)"


class Field(NamedTuple):
    """Where it is, what opens it, its label, and the button that sends it."""

    path: str
    opening: Callable[[Page], None] | None
    label: str
    button: str


def press(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("main").get_by_role("button", name=name, exact=True).first.click()


FOR_EVERYBODY: dict[str, Field] = {
    "log-in-address": Field("/login?another=1", None, "E-mail address", "Log in"),
    "log-in-password": Field("/login?another=1", None, "Password", "Log in"),
    "sign-up-name": Field("/signup", None, "Your name", "Create the account"),
    "sign-up-address": Field("/signup", None, "E-mail address", "Create the account"),
    "sign-up-password": Field("/signup", None, "Password", "Create the account"),
    "verify": Field("/verify-email", None, "E-mail address", "Send the mail again"),
    "reset": Field("/reset-password", None, "E-mail address", "Send the link"),
}
OWN: dict[str, Field] = {
    "workspace": Field("/manage-accounts", None, "Name", "Create"),
    "rename": Field("/workspaces/{room}/settings", None, "Name", "Save"),
    "invite": Field("/workspaces/{room}/members", None, "E-mail address", "Send the invite"),
    "own-name": Field("/profile", None, "Name", "Save"),
    "new-address": Field("/profile", None, "New address", "Change the address"),
    "present-password": Field("/profile", None, "Present password", "Change the password"),
    "new-password": Field("/profile", None, "New password", "Change the password"),
    "token": Field("/profile", press("Make a token"), "What it is for", "Make it"),
    "two-factor": Field("/profile", press("Switch it on"), "Enter the code that it shows", "Confirm"),
}
FILLER = {"E-mail address": "somebody@people.example", "Password": "a pass phrase 1", "New password": "a pass phrase 1"}


@pytest.fixture(autouse=True)
def nothing_runs(screens: Screens) -> Iterator[None]:
    """No text has become a script, and nothing was asked of it."""
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    screens.page.on("dialog", refuse)
    yield
    assert asked == []


def fits(page: Page) -> None:
    """Nothing of the page is beyond the edges of a phone's window, and no text has become a part of it."""
    assert page.evaluate(INJECTED) == 0
    page.set_viewport_size({"width": 320, "height": 640})
    assert sticks_out(page) <= 0, "wider than the window"


def written(page: Page, field: Locator, text: str) -> None:
    """Pasted, as a visitor can do it."""
    field.fill("")
    field.focus()
    page.keyboard.insert_text(text)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", FOR_EVERYBODY)
def test_any_text_in_a_field_for_everybody_is_answered(screens: Screens, name: str, text: str) -> None:
    answered(screens, FOR_EVERYBODY[name], TEXTS[text])


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_in_a_field_of_ones_own_is_answered(screens: Screens, wish: Wish, text: str) -> None:
    screens.log_in(wish.owner)
    for field in OWN.values():
        answered(screens, field._replace(path=field.path.format(room=wish.room)), TEXTS[text])


def answered(screens: Screens, field: Field, text: str) -> None:
    """Write into a field, fill in the others, send it, and see an answer that one can read."""
    path, opening, label, button = field
    page = screens.page
    screens.open(path)
    if opening and not page.get_by_label(label, exact=True).is_visible():
        opening(page)
    target = page.get_by_label(label, exact=True).last
    form = page.locator("form").filter(has=target)
    for other, value in FILLER.items():
        beside = form.get_by_label(other, exact=True)
        if other != label and beside.count():
            beside.fill(value)
    for box in form.get_by_role("checkbox").all()[:1]:
        box.check()
    written(page, target, text)
    fits(page)
    form.get_by_role("button", name=button, exact=True).click()
    expect(form.locator(TOLD).or_(told_elsewhere(page)).first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    fits(page)


def told_elsewhere(page: Page) -> Locator:
    """What a form that is gone once it is done has left: a new workspace, a token that is shown once."""
    made = page.get_by_text("and you are its owner.").or_(page.get_by_text("Copy it now: it is not shown again."))
    return made.or_(page.get_by_role("heading", name="Look into your mailbox"))


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_in_the_search_finds_something_or_nothing(screens: Screens, text: str) -> None:
    screens.open("/")
    written(screens.page, screens.page.get_by_role("searchbox", name="Search add-ons"), TEXTS[text])

    expect(screens.page.get_by_text("Nothing found").or_(screens.page.locator(".addon-card")).first).to_be_visible()
    fits(screens.page)


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_as_feedback_is_kept_or_refused(screens: Screens, text: str) -> None:
    screens.open("/notices")
    foot = screens.page.get_by_role("contentinfo")
    foot.get_by_role("button", name="No", exact=True).click()
    written(screens.page, foot.get_by_label("What was missing? (optional)"), TEXTS[text])
    fits(screens.page)
    foot.get_by_role("button", name="Send").click()

    expect(foot.get_by_role("status").or_(foot.get_by_role("alert"))).to_be_visible()


def hostile(text: str, most: int) -> str:
    """The text, as long as it may be."""
    return TEXTS[text][:most].strip().strip("\N{ZERO WIDTH JOINER}")


@pytest.mark.parametrize("text", SHOWN)
def test_what_publishers_and_members_are_called_is_text_on_every_screen(
    marketplace: Marketplace, screens: Screens, wish: Wish, text: str
) -> None:
    name, words = hostile(text, 50), hostile(text, 140)
    base = f"/refuses-{secrets.token_hex(4)}"
    manifest = {
        "schemaVersion": "1.3",
        "key": f"text-{secrets.token_hex(4)}",
        "name": name,
        "description": words,
        "baseUrl": marketplace.site.url + base,
        "minimalSubscriptionPlan": "FREE",
        "lifecycle": [{"type": "INSTALLED", "path": "/installed"}],
    }
    refusal = json.dumps({"message": words}).encode()
    marketplace.site.pages[f"{base}/installed"] = says(403, refusal)
    listing = {"manifest": manifest, "short_text": words, "long_text": words, "publisher_name": name}
    key = marketplace.publisher.call("POST", "/api/catalog/v1/addons", json=listing)["key"]
    wish.owner.call("PATCH", "/api/auth/v1/me", json={"display_name": name})
    wish.owner.call("PATCH", f"/api/auth/v1/workspaces/{wish.room}", json={"name": name})
    marketplace.preflight(key, wish.room, wish.owner)

    screens.open("/login")
    screens.give(wish.owner)
    expect(screens.menu.get_by_role("button", name="Log out")).to_be_visible()
    for path in ("/", f"/addons/{key}", "/manage-accounts", f"/workspaces/{wish.room}/members", "/profile"):
        screens.open(path)
        shown(screens.page, name)
    screens.open(f"/addons/{key}/install")
    shown(screens.page, name)
    screens.button("Install").click()
    screens.says("The add-on refused the install.")
    kept = words.replace("\N{ZERO WIDTH JOINER}", "")  # the reason is kept without what cannot be seen
    expect(screens.page.get_by_role("blockquote")).to_contain_text(kept[:40].strip())
    shown(screens.page, name)


def shown(page: Page, name: str) -> None:
    """It is there as text, and nothing sticks out."""
    where = page.locator("body")
    eventually(lambda: name[:60].strip() in where.inner_text() or name[:60] in values(page), "the text")
    fits(page)


def values(page: Page) -> str:
    """What stands in the page's fields."""
    return str(page.evaluate("[...document.querySelectorAll('input')].map(one => one.value).join('\\n')"))


def test_the_name_of_a_member_is_text(marketplace: Marketplace, screens: Screens, wish: Wish) -> None:
    mallory = marketplace.customer("Mallory")
    mallory.call("PATCH", "/api/auth/v1/me", json={"display_name": MARKUP[:60]})
    join(marketplace, wish.owner, wish.room, mallory, "member")

    screens.log_in(wish.owner, f"/workspaces/{wish.room}/members")
    screens.says(MARKUP[:60])
    fits(screens.page)


def never(handler: Handler) -> None:
    """Takes the request, and leaves it at that."""
    handler.rfile.read(1)


@pytest.mark.parametrize(
    "icon",
    [pours(20), never, says(200, b"<p>no picture", "image/png"), says(404, b"")],
    ids=["huge", "slow", "html", "none"],
)
def test_a_picture_that_is_none_is_a_letter_and_nobody_waits_for_it(
    marketplace: Marketplace, site: Site, screens: Screens, icon: Answer
) -> None:
    key = f"icon-{secrets.token_hex(4)}"
    site.pages[f"/{key}/icon.png"] = icon
    manifest = {
        "schemaVersion": "1.3",
        "key": key,
        "name": f"Quasi {key}",
        "baseUrl": f"{site.url}/{key}",
        "minimalSubscriptionPlan": "FREE",
        "iconPath": "/icon.png",
    }
    marketplace.publisher.call("POST", "/api/catalog/v1/addons", json={"manifest": manifest})

    screens.open(f"/addons/{key}")
    screens.shows(f"Quasi {key}")
    screens.link("Install").click()
    screens.says("Log in to install")  # whatever the picture does
    screens.open(f"/addons/{key}")
    expect(screens.page.get_by_role("main").get_by_text("Q", exact=True)).to_be_attached()


def test_a_script_in_the_place_of_an_address_is_no_link(
    marketplace: Marketplace, screens: Screens, owner: Caller
) -> None:
    addon = marketplace.addon()
    script = {"support_url": "javascript:window.hit=1", "privacy_url": "data:text/html,<script>hit=1</script>"}
    path = f"/api/catalog/v1/addons/{addon.key}"
    refused = marketplace.publisher.send("PATCH", path, json=script)
    assert refused.status_code == 422, "the catalog takes it"

    def answer(route: Route) -> None:
        kept = route.fetch()
        route.fulfill(response=kept, json=kept.json() | script)

    screens.page.route(f"**{path}", answer)  # as if it had been kept before that rule
    screens.open(f"/addons/{addon.key}")
    screens.shows(addon.title)
    addresses = screens.page.eval_on_selector_all("a", "all => all.map(one => one.href)")
    assert [one for one in addresses if not one.startswith(("http://", "https://", "mailto:"))] == []
