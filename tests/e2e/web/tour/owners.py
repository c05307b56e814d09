"""What owners of accounts and workspaces see."""

import pyotp
from playwright.sync_api import expect

from tests.e2e.invites import invite, join
from tests.e2e.web.tour.stops import Guest, stop


@stop("manage-accounts")
def manage_accounts(guest: Guest) -> None:
    guest.workspace("Design")
    guest.workspace("A workspace whose name is much longer than anybody would have thought it could be")
    guest.log_in("/manage-accounts")
    expect(guest.screens.link("Design")).to_be_visible()


@stop("manage-accounts-of-a-product")
def of_a_product(guest: Guest) -> None:
    kim = guest.marketplace.customer_of_the_product("Kim")
    guest.marketplace.pushed(kim, name="Kim's wing", plan="PRO")
    guest.screens.log_in_by_product(kim, "/manage-accounts")
    expect(guest.screens.link("Kim's wing")).to_be_visible()


@stop("manage-accounts-on-the-way")
def on_the_way(guest: Guest) -> None:
    guest.marketplace.look(guest.addon.key, guest.owner)
    guest.log_in(f"/addons/{guest.addon.key}/install")
    guest.screens.link("Add a workspace").click()
    guest.screens.page.get_by_label("Name").fill("Design")
    guest.screens.button("Create").click()
    expect(guest.screens.link("Back to the install, with “Design”")).to_be_visible()


@stop("workspace-nothing-installed")
def nothing_installed(guest: Guest) -> None:
    guest.log_in(f"/workspaces/{guest.workspace('Design')}")
    guest.screens.says("No add-on is installed")


@stop("workspace-addons")
def addons(guest: Guest) -> None:
    workspace = guest.workspace("Design")
    guest.installed(workspace)
    guest.log_in(f"/workspaces/{workspace}")
    expect(guest.screens.button(f"Uninstall {guest.addon.title}?")).to_be_visible()


@stop("workspace-uninstall")
def uninstall(guest: Guest) -> None:
    addons(guest)
    guest.screens.button(f"Uninstall {guest.addon.title}?").click()
    expect(guest.screens.dialog(f"Uninstall {guest.addon.title}?")).to_be_visible()


@stop("workspace-members")
def members(guest: Guest) -> None:
    workspace = guest.workspace("Design")
    join(guest.marketplace, guest.owner, workspace, guest.marketplace.admin, "member")
    invite(guest.marketplace, guest.owner, workspace, "a.very.long.address.of.somebody@people.example", "admin")
    guest.log_in(f"/workspaces/{workspace}/members")
    guest.screens.says("Open invites")


@stop("workspace-settings")
def settings(guest: Guest) -> None:
    guest.log_in(f"/workspaces/{guest.workspace('Design')}/settings")
    guest.screens.says("Who installs here needs two-factor authentication")


@stop("profile")
def profile(guest: Guest) -> None:
    token = {"name": "Nightly export", "scopes": ["installer:read"], "expires_in_days": 30}
    guest.owner.call("POST", "/api/auth/v1/me/tokens", json=token)
    guest.log_in("/profile")
    guest.screens.says("Nightly export")
    guest.screens.says("Security log")


@stop("profile-two-factor")
def two_factor(guest: Guest) -> None:
    guest.log_in("/profile")
    guest.screens.button("Switch it on").click()
    expect(guest.screens.page.get_by_role("img", name="QR code")).to_be_visible()


@stop("profile-recovery-codes")
def recovery_codes(guest: Guest) -> None:
    two_factor(guest)
    key = guest.screens.page.get_by_text("Or type in the key:").get_by_role("code").inner_text()
    guest.screens.page.get_by_label("Enter the code that it shows").fill(pyotp.TOTP(key).now())
    guest.screens.button("Confirm").click()
    expect(guest.screens.dialog("Your recovery codes")).to_be_visible()


@stop("profile-new-token")
def new_token(guest: Guest) -> None:
    guest.log_in("/profile")
    guest.screens.button("Make a token").click()
    expect(guest.screens.dialog("Make a token")).to_be_visible()


@stop("profile-delete")
def delete(guest: Guest) -> None:
    guest.workspace("Design")
    guest.log_in("/profile")
    guest.screens.button("Delete the account").click()
    expect(guest.screens.dialog("Delete your account?")).to_contain_text("It is gone at once")


@stop("invite-to-accept")
def to_accept(guest: Guest) -> None:
    workspace = guest.marketplace.workspace()
    token = invite(guest.marketplace, guest.marketplace.admin, workspace, guest.owner.email, "admin")
    guest.log_in("/")
    guest.screens.open(f"/invite#token={token}")
    expect(guest.screens.button("Accept")).to_be_visible()
