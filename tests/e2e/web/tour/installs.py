"""What an admin sees from *Install* to the end."""

import re

from playwright.sync_api import expect

from deploy.local.demo.people import eventually
from tests.e2e.invites import join
from tests.e2e.two_factor import switch_off, switch_on
from tests.e2e.web.tour.stops import Guest, stop

NOTICES = "/api/notifier/v1/notices"


@stop("install-no-workspace")
def no_workspace(guest: Guest) -> None:
    guest.marketplace.look(guest.addon.key, guest.owner)
    guest.log_in(f"/addons/{guest.addon.key}/install")
    guest.screens.says("You have no workspace yet")


@stop("install-not-an-admin")
def not_an_admin(guest: Guest) -> None:
    shared = guest.marketplace.workspace()
    join(guest.marketplace, guest.marketplace.admin, shared, guest.owner, "member")
    guest.marketplace.look(guest.addon.key, guest.owner)
    guest.log_in(f"/addons/{guest.addon.key}/install")
    guest.screens.says("You do not administer a workspace")


def lock(guest: Guest) -> str:
    """A workspace that asks its admin for a second factor, which only who has one can make it do."""
    _, codes = switch_on(guest.owner)
    locked = guest.workspace("Legal")
    guest.owner.call("PATCH", f"/api/auth/v1/workspaces/{locked}", json={"requires_two_factor": True})
    switch_off(guest.owner, next(codes))
    eventually(lambda: not guest.marketplace.preflight(guest.addon.key, locked, guest.owner)["selectable"], "the lock")
    return locked


@stop("install-dropdown")
def dropdown(guest: Guest) -> None:
    lock(guest)
    guest.installed(guest.workspace("Accounting"))
    guest.workspace("Design")
    guest.workspace("A workspace whose name is much longer than anybody would have thought it could be")
    guest.log_in(f"/addons/{guest.addon.key}/install")
    guest.screens.dropdown.click()
    expect(guest.screens.option("Legal")).to_contain_text("Locked")
    expect(guest.screens.option("Accounting")).to_contain_text("Already installed")


@stop("install-locked")
def locked_one(guest: Guest) -> None:
    locked = lock(guest)
    guest.log_in(f"/addons/{guest.addon.key}/install?workspace={locked}")
    guest.screens.says("Why “Legal” cannot be chosen")


@stop("install-region")
def region(guest: Guest) -> None:
    body = {"name": "Berlin office", "region": "eu"}
    made = guest.owner.call("POST", "/api/auth/v1/workspaces", json=body)["id"]
    guest.marketplace.preflight(guest.addon.key, made, guest.owner)
    guest.log_in(f"/addons/{guest.addon.key}/install?workspace={made}")
    guest.screens.has_chosen("Berlin office")
    expect(guest.screens.page.get_by_role("checkbox", name="I have read this")).to_be_visible()


def press_install(guest: Guest) -> None:
    """In the only workspace."""
    guest.workspace("Design")
    guest.log_in(f"/addons/{guest.addon.key}/install")
    guest.screens.has_chosen("Design")
    guest.screens.button("Install").click()
    expect(guest.screens.page).to_have_url(re.compile("/installations/"))


@stop("progress")
def progress(guest: Guest) -> None:
    guest.addon.behave("hang")
    press_install(guest)
    guest.screens.says("The add-on is being called.")
    # It stays like this: what comes after it would come within seconds.
    guest.screens.page.route("**/installations/*", lambda _: None)
    guest.screens.shows(f"Installing {guest.addon.title}")


@stop("maintenance")
def maintenance(guest: Guest) -> None:
    guest.addon.behave("error")
    press_install(guest)
    guest.screens.shows("Add-on maintenance")
    guest.screens.says("It waits until the add-on answers again.")


@stop("cancel")
def cancel(guest: Guest) -> None:
    maintenance(guest)
    guest.screens.button("Cancel the install").click()
    expect(guest.screens.dialog("Cancel this install?")).to_be_visible()


@stop("success")
def success(guest: Guest) -> None:
    press_install(guest)
    guest.screens.shows(f"{guest.addon.title} is installed")


@stop("refused")
def refused(guest: Guest) -> None:
    guest.addon.behave("refuse", reason="All ten seats of your contract are taken. Ask your account manager for more.")
    press_install(guest)
    guest.screens.shows(f"{guest.addon.title} was not installed")
    expect(guest.screens.page.get_by_role("blockquote")).to_be_visible()


@stop("uninstalled")
def uninstalled(guest: Guest) -> None:
    installation = guest.installed(guest.workspace("Design"))
    guest.owner.call("DELETE", f"/api/installer/v1/installations/{installation}")
    guest.log_in(f"/installations/{installation}")
    guest.screens.shows(f"{guest.addon.title} was uninstalled")


@stop("installation-unknown")
def unknown_installation(guest: Guest) -> None:
    guest.log_in("/installations/0123456789abcdef01234567")
    guest.screens.says("There is no such installation")


@stop("notices")
def notices(guest: Guest) -> None:
    operator, scope = guest.marketplace.operator, f"addon:{guest.addon.key}"
    notice = {"scope": scope, "text": "Its publisher moves the server until noon."}
    eventually(lambda: operator.send("POST", NOTICES, json=notice).is_success, "an add-on that the notifier knows")
    guest.screens.open("/notices")
    guest.screens.says("Its publisher moves the server until noon.")
    operator.call("DELETE", f"{NOTICES}/{scope}")
