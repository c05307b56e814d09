"""Row S4 and what else becomes of an account: as its owner meets it, and as the other services hear of it."""

import secrets
from typing import Any

import pytest

from deploy.local.demo.people import eventually
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller

AUTH = "/api/auth/v1"


def token_of(mail: dict[str, Any]) -> str:
    """The secret of the mail's link."""
    token: str = mail["text"].partition("token=")[2].split()[0]
    return token


def may_log_in(person: Caller, email: str | None = None) -> int:
    body = {"email": email or person.email, "password": person.password}
    return person.send("POST", f"{AUTH}/sessions", json=body).status_code


def test_s4_no_access_before_the_address_is_verified_and_the_mail_comes_again(marketplace: Marketplace) -> None:
    nora = marketplace.person("Nora")
    nora.sign_up()
    first = marketplace.mailbox.wait(nora.email, "confirm")

    body = {"email": nora.email, "password": nora.password}
    refused = nora.send("POST", f"{AUTH}/sessions", json=body)

    assert (refused.status_code, refused.json()["slug"]) == (403, "email-not-verified")
    assert "mailed to you" in refused.json()["detail"]
    asked = nora.send("POST", refused.json()["resend"], json={"email": nora.email})
    nobody = nora.send("POST", refused.json()["resend"], json={"email": f"{secrets.token_hex(4)}@people.example"})
    assert (asked.status_code, asked.text) == (nobody.status_code, nobody.text) == (202, asked.text)
    mails = eventually(lambda: so_many_mails(marketplace, nora, 2), "the mail again")
    assert token_of(mails[-1]) != token_of(first)

    nora.open_link(mails[-1])
    nora.log_in()
    me = nora.call("GET", f"{AUTH}/me")
    assert (me["email"], me["verified"]) == (nora.email, True)
    marketplace.topics.wait("UserVerified", user_id=me["id"])
    told = marketplace.topics.distinct("auth.users.v1", user_id=me["id"])
    assert [one.type for one in told] == ["UserRegistered", "UserVerified"]
    late = nora.send("POST", f"{AUTH}/verify-email", json={"token": token_of(first)})
    assert (late.status_code, late.json()["slug"]) == (410, "link-used")


def so_many_mails(marketplace: Marketplace, person: Caller, count: int) -> list[dict[str, Any]]:
    """All mails that confirm the address, once there are so many."""
    mails = marketplace.mailbox.mails(person.email, "confirm")
    return mails if len(mails) >= count else []


def test_a_lost_password_is_replaced_by_a_mail(marketplace: Marketplace) -> None:
    rosa = marketplace.customer("Rosa")
    lost, rosa.password = rosa.password, secrets.token_urlsafe(12)
    assert may_log_in(rosa) == 401

    assert rosa.send("POST", f"{AUTH}/password-reset", json={"email": rosa.email}).status_code == 202
    mail = marketplace.mailbox.wait(rosa.email, "new password")
    link = next(word for word in mail["text"].split() if "/password-reset/link" in word)
    page = rosa.browser.get(link)
    assert (page.status_code, 'name="password"' in page.text) == (200, True)
    form = {"token": token_of(mail), "password": rosa.password}
    done = rosa.browser.post(link.partition("?")[0], data=form)
    assert (done.status_code, "Your password is set." in done.text) == (200, True)

    assert may_log_in(rosa) == 201
    body = {"email": rosa.email, "password": lost}
    assert rosa.send("POST", f"{AUTH}/sessions", json=body).status_code == 401
    marketplace.mailbox.wait(rosa.email, "was changed")
    again = rosa.browser.post(link.partition("?")[0], data=form)
    assert (again.status_code, "has been used" in again.text) == (410, True)


def test_an_address_changes_and_its_old_mailbox_takes_it_back(marketplace: Marketplace) -> None:
    tess = marketplace.customer("Tess")
    old, new = tess.email, f"tess-{secrets.token_hex(4)}@elsewhere.example"
    assert tess.send("POST", f"{AUTH}/me/email", json={"email": new}).status_code == 202
    marketplace.mailbox.wait(old, "is to get another")
    link = marketplace.mailbox.wait(new, "confirm your new")
    confirmed = tess.send("POST", f"{AUTH}/email-change/link", json={"token": token_of(link)})
    assert confirmed.status_code == 200, confirmed.text
    assert may_log_in(tess, new) == 201
    notice = marketplace.mailbox.wait(old, "has another")

    undone = tess.send("POST", f"{AUTH}/email-change/undo", json={"token": token_of(notice)})

    assert undone.status_code == 200, undone.text
    assert [may_log_in(tess, email) for email in (old, new)] == [401, 401]
    tess.password = secrets.token_urlsafe(12)
    body = {"token": token_of(marketplace.mailbox.wait(old, "new password")), "password": tess.password}
    assert tess.send("POST", f"{AUTH}/password-reset/link", json=body).status_code == 200
    tess.log_in()
    assert tess.call("GET", f"{AUTH}/me")["email"] == old


@pytest.fixture
def leaver(marketplace: Marketplace) -> Caller:
    return marketplace.customer("Lea")


def test_an_account_ends_everywhere(marketplace: Marketplace, addon: SampleAddOn, leaver: Caller) -> None:
    lea, ada = leaver, marketplace.admin
    own, shared = marketplace.workspace(lea), marketplace.workspace(ada)
    installed = marketplace.request(addon.key, own, lea)
    marketplace.topics.wait("AddOnInstalled", installation_id=installed)
    export = lea.send("GET", f"{AUTH}/me/export").json()
    assert [one["id"] for one in export["workspaces"]] == [own]
    assert export["account"]["email"] == lea.email
    told = lea.call("GET", f"{AUTH}/me/deletion")
    assert (told["possible"], [one["id"] for one in told["deleted_workspaces"]["first"]]) == (True, [own])

    wrong = lea.send("POST", f"{AUTH}/me/deletion", json={"confirm": ada.email})
    assert (wrong.status_code, wrong.json()["slug"]) == (422, "confirmation-wrong")
    ended = lea.send("POST", f"{AUTH}/me/deletion", json={"confirm": lea.email})
    assert ended.status_code == 204, ended.text

    last = {"Authorization": f"Bearer {lea.token}"}
    ghost = marketplace.person("Ghost")  # who has nothing but that token

    def forgotten() -> bool:
        places = ("installer/v1/installations", "notifier/v1/snapshot")
        answers = [ghost.send("GET", f"/api/{place}?workspace={own}", headers=last) for place in places]
        return [answer.status_code for answer in answers] == [404, 404]

    eventually(forgotten, "the workspace gone at installer and notifier")
    gone = ghost.send("GET", f"{AUTH}/me", headers=last)
    assert (gone.status_code, gone.json()["slug"]) == (404, "account-not-found")
    assert may_log_in(ghost, lea.email) == 401
    marketplace.mailbox.wait(lea.email, "is deleted")
    # The add-on of the workspace that ended with the account is told.
    marketplace.topics.wait("AddOnUninstalled", installation_id=installed)
    marketplace.topics.wait("AccountChanged", user_id=lea.user_id, deleted=True)
    assert ada.send("GET", f"{AUTH}/workspaces/{shared}").status_code == 200

    again = marketplace.person("Lea")
    again.email = lea.email
    again.sign_up()
    again.open_link(eventually(lambda: so_many_mails(marketplace, again, 2), "the mail of the new account")[-1])
    again.log_in()
    assert again.call("GET", f"{AUTH}/me")["id"] != lea.user_id
    assert again.call("GET", f"{AUTH}/workspaces")["items"] == []
