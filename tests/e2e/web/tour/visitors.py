"""What is seen without an account, and on the way to one."""

from playwright.sync_api import expect

from tests.e2e.invites import invite
from tests.e2e.two_factor import switch_on
from tests.e2e.web.tour.stops import Guest, stop


@stop("home")
def home(guest: Guest) -> None:
    guest.screens.open("/?q=sample")
    expect(guest.screens.page.get_by_role("listitem").filter(has_text="sample").first).to_be_visible()


@stop("home-nothing-found")
def nothing_found(guest: Guest) -> None:
    guest.screens.open("/?q=zzzz-nothing")
    guest.screens.says("Nothing found")


@stop("home-no-answer")
def no_answer(guest: Guest) -> None:
    guest.screens.page.route("**/api/catalog/**", lambda route: route.fulfill(status=500, body="broken"))
    guest.screens.open("/")
    guest.screens.shows("Add-ons for Souk of tests")
    expect(guest.screens.page.get_by_role("alert").first).to_be_visible()


@stop("addon")
def addon(guest: Guest) -> None:
    guest.screens.open(f"/addons/{guest.addon.key}")
    guest.screens.shows(guest.addon.title)
    guest.screens.says("See members and their profiles")


@stop("addon-unknown")
def unknown_addon(guest: Guest) -> None:
    guest.screens.open("/addons/nobody-published-this")
    guest.screens.says("There is no such add-on")


@stop("not-found")
def not_found(guest: Guest) -> None:
    guest.screens.open("/no-such-page")
    guest.screens.shows("There is no such page")


@stop("install-logged-out")
def install_logged_out(guest: Guest) -> None:
    guest.screens.open(f"/addons/{guest.addon.key}/install")
    guest.screens.says("Log in to install")


@stop("login")
def login(guest: Guest) -> None:
    guest.screens.open("/login")
    expect(guest.screens.link("Log in with Acme")).to_be_visible()


@stop("login-refused")
def login_refused(guest: Guest) -> None:
    guest.screens.open("/login")
    guest.screens.page.get_by_label("E-mail address").fill(guest.owner.email)
    guest.screens.page.get_by_label("Password").fill("not the password")
    guest.screens.button("Log in").click()
    guest.screens.says("Address or password is wrong")


@stop("login-second-factor")
def second_factor(guest: Guest) -> None:
    switch_on(guest.owner)
    guest.screens.open("/login")
    guest.screens.give(guest.owner)
    guest.screens.shows("Second factor")


@stop("sign-up")
def sign_up(guest: Guest) -> None:
    guest.screens.open("/signup?return_to=/addons/x/install")
    guest.screens.shows("Create an account")
    expect(guest.screens.page.get_by_label("Your name")).to_be_visible()


@stop("sign-up-sent")
def sign_up_sent(guest: Guest) -> None:
    newcomer = guest.marketplace.person("Nell")
    guest.screens.open("/signup")
    guest.screens.page.get_by_label("Your name").fill(newcomer.name)
    guest.screens.page.get_by_label("E-mail address").fill(newcomer.email)
    guest.screens.page.get_by_label("Password").fill(newcomer.password)
    guest.screens.button("Create the account").click()
    guest.screens.shows("Look into your mailbox")


@stop("verify-email")
def verify(guest: Guest) -> None:
    guest.screens.open("/verify-email")
    guest.screens.shows("Confirm your e-mail address")


@stop("reset-password")
def reset(guest: Guest) -> None:
    guest.screens.open("/reset-password")
    guest.screens.shows("A new password")


@stop("mailed-link")
def mailed_link(guest: Guest) -> None:
    guest.screens.open("/api/auth/v1/password-reset/link?token=nobody-was-mailed-this")
    guest.screens.shows("Set a new password")
    expect(guest.screens.page.get_by_role("link", name="where to get help")).to_be_visible()


@stop("mailed-link-refused")
def mailed_link_refused(guest: Guest) -> None:
    guest.screens.open("/api/auth/v1/verify-email?token=nobody-was-mailed-this")
    guest.screens.button("Confirm my address").click()
    guest.screens.shows("This link is not one of ours")


@stop("invite")
def invited(guest: Guest) -> None:
    admin = guest.marketplace.admin
    workspace = guest.marketplace.workspace()
    token = invite(guest.marketplace, admin, workspace, guest.owner.email, "admin")
    guest.screens.open(f"/invite#token={token}")
    guest.screens.shows("You are invited")
    expect(guest.screens.link("Log in to accept")).to_be_visible()


@stop("invite-unknown")
def invite_unknown(guest: Guest) -> None:
    guest.screens.open("/invite#token=nobody-was-invited-with-this")
    guest.screens.says("There is no such invite")


@stop("notices-none")
def no_notices(guest: Guest) -> None:
    guest.screens.page.route("**/api/notifier/v1/notices*", lambda route: route.fulfill(json=[]))
    guest.screens.open("/notices")
    guest.screens.says("Everything works")
