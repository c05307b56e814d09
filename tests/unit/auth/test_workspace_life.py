"""Transfer, archive, deletion, invites: what may happen to a workspace by whom, and what never does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.auth.accounts.rules import new_account
from services.auth.domain import Account, Change
from services.auth.workspaces import invite_rules, lifecycle, rules
from services.auth.workspaces.abilities import abilities
from services.auth.workspaces.adding import back_to
from services.auth.workspaces.invite import Invite, InvitedRole
from services.auth.workspaces.invite_mails import harmless
from services.auth.workspaces.policy import Policy
from services.auth.workspaces.rules import Workspace, new_workspace, role_of
from shared.contracts.auth import Role, SendMail
from shared.plumbing.errors import Problem

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
OWNER, ADMIN, MEMBER, STRANGER = "owner", "admin", "member", "stranger"
ID = "a" * 24


def workspace(**fields: Any) -> Workspace:
    document = new_workspace(workspace_id=ID, name="Ada's", region="eu", product="", owner_id=OWNER, now=NOW)
    members = [{"user_id": one, "role": one} for one in (OWNER, ADMIN, MEMBER)]
    return Workspace.model_validate(document | {"members": members} | fields)


def after(before: Workspace, change: Change | None) -> Workspace:
    return (
        before if change is None else Workspace.model_validate(before.model_dump(by_alias=True) | dict(change.fields))
    )


def account(user_id: str) -> Account:
    document = new_account(
        user_id=user_id,
        email=f"{user_id}@example.com",
        email_key=f"{user_id}@example.com",
        display_name=user_id,
        locale="en",
        now=NOW,
        verified=True,
    )
    return Account.model_validate(document)


def invite(invitee: str = STRANGER, by: str = ADMIN, role: InvitedRole = Role.MEMBER, now: datetime = NOW) -> Invite:
    return Invite(
        id=f"i-{invitee}",
        hash=f"h-{invitee}",
        email=f"{invitee}@example.com",
        email_key=f"{invitee}@example.com",
        role=role,
        invited_by=by,
        invited_at=now,
        expires_at=now + WEEK,
    )


def mail(one: Invite, _: Workspace) -> SendMail:
    return SendMail(
        user_id=one.id, template="t", locale="en", parameters={}, sealed_address="a", sealed_link="l", expires_at=NOW
    )


def send(to: Workspace, one: Invite, invitee_id: str | None = None, at_most: int = 50) -> Change:
    return invite_rules.send(to, one, invitee_id, mail, at_most=at_most)


def slug_of(call: Any) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.slug


def roles(of: Workspace) -> dict[str | None, str]:
    return {one.user_id: str(one.role) for one in of.members}


INVITED = after(workspace(), send(workspace(), invite()))


def test_the_owner_gives_the_workspace_away_and_stays_as_admin() -> None:
    change = lifecycle.transfer(workspace(), OWNER, MEMBER)
    assert roles(after(workspace(), change)) == {OWNER: "admin", ADMIN: "admin", MEMBER: "owner"}
    assert {(one.user_id, one.kind) for one in change.events} == {
        (OWNER, "workspace-ownership-transferred"),
        (MEMBER, "workspace-ownership-transferred"),
    }
    assert slug_of(lambda: lifecycle.transfer(workspace(), ADMIN, MEMBER)) == "not-owner"
    assert slug_of(lambda: lifecycle.transfer(workspace(), MEMBER, MEMBER)) == "not-admin"
    assert slug_of(lambda: lifecycle.transfer(workspace(), STRANGER, MEMBER)) == "workspace-not-found"
    assert slug_of(lambda: lifecycle.transfer(workspace(), OWNER, STRANGER)) == "member-not-found"
    assert slug_of(lambda: lifecycle.transfer(workspace(), OWNER, OWNER)) == "transfer-to-oneself"


def test_only_what_is_archived_is_deleted_and_nobody_stays_in_it() -> None:
    assert slug_of(lambda: lifecycle.delete(workspace(), OWNER, NOW)) == "workspace-not-archived"
    archived = after(INVITED, lifecycle.archive(INVITED, OWNER, NOW))
    assert archived.active is False
    assert lifecycle.archive(archived, OWNER, NOW) is None
    assert after(archived, lifecycle.restore(archived, OWNER)).active is True
    assert lifecycle.restore(workspace(), OWNER) is None
    deleted = after(archived, lifecycle.delete(archived, OWNER, NOW))
    assert (deleted.name, deleted.members, deleted.invites) == ("", (), ())
    assert slug_of(lambda: lifecycle.delete(deleted, OWNER, NOW)) == "workspace-not-found"


@pytest.mark.parametrize("step", [lifecycle.archive, lifecycle.delete])
def test_the_life_of_a_workspace_is_its_owners(step: Any) -> None:
    assert slug_of(lambda: step(workspace(active=False), ADMIN, NOW)) == "not-owner"
    assert slug_of(lambda: step(workspace(active=False), MEMBER, NOW)) == "not-admin"
    assert slug_of(lambda: step(workspace(active=False), STRANGER, NOW)) == "workspace-not-found"
    assert slug_of(lambda: step(workspace(provider="acme"), OWNER, NOW)) == "workspace-owned-by-product"


def test_nobody_without_a_second_factor_makes_or_lifts_the_rule() -> None:
    rule_on = {"requires_two_factor": True}
    assert slug_of(lambda: rules.change_settings(workspace(), ADMIN, rule_on, protected=False)) == "two-factor-off"
    assert rules.change_settings(workspace(), ADMIN, rule_on, protected=True).fields == rule_on
    ruled = workspace(requires_two_factor=True)
    assert rules.change_settings(ruled, ADMIN, rule_on, protected=False).fields == rule_on
    off = {"requires_two_factor": False}
    assert slug_of(lambda: rules.change_settings(ruled, ADMIN, off, protected=False)) == "two-factor-off"
    assert rules.change_settings(ruled, ADMIN, off, protected=True).fields == off
    assert rules.change_settings(ruled, ADMIN, {"name": "x"}, protected=False).fields == {"name": "x"}


def test_an_invited_person_becomes_a_member_once() -> None:
    change = invite_rules.accept(INVITED, "h-stranger", account(STRANGER), NOW)
    assert change is not None
    assert {(one.user_id, one.kind) for one in change.events} == {
        (STRANGER, "workspace-joined"),
        (ADMIN, "workspace-invite-accepted"),
    }
    joined = after(INVITED, change)
    assert role_of(joined, STRANGER) is Role.MEMBER
    (stub,) = joined.invites
    assert (stub.email, stub.email_key, stub.used_by) == ("", "", STRANGER)
    assert invite_rules.accept(joined, "h-stranger", account(STRANGER), NOW) is None
    assert slug_of(lambda: invite_rules.accept(joined, "h-stranger", account("eve"), NOW)) == "invite-used"
    left = after(joined, rules.remove(joined, OWNER, STRANGER))
    assert slug_of(lambda: invite_rules.accept(left, "h-stranger", account(STRANGER), NOW)) == "invite-used"


def test_a_link_opens_for_its_address_only_and_not_for_ever() -> None:
    def use(of: Workspace, by: str = STRANGER, now: datetime = NOW, hashed: str = "h-stranger") -> str:
        return slug_of(lambda: invite_rules.accept(of, hashed, account(by), now))

    assert use(INVITED, by="eve") == "invite-for-another-address"
    assert use(INVITED, now=NOW + WEEK) == "invite-expired"
    assert use(INVITED, hashed="h-other") == "invite-unknown"
    assert use(workspace(deleted_at=NOW, invites=[invite().model_dump()])) == "invite-unknown"
    assert use(after(INVITED, lifecycle.archive(INVITED, OWNER, NOW))) == "workspace-archived"
    demoted = after(INVITED, rules.change_role(INVITED, OWNER, ADMIN, Role.MEMBER))
    assert use(demoted) == "invite-void"
    assert invite_rules.status(demoted, demoted.invites[0], NOW) == "void"
    assert use(after(INVITED, rules.remove(INVITED, OWNER, ADMIN))) == "invite-void"
    assert use(after(INVITED, invite_rules.revoke(INVITED, OWNER, "i-stranger"))) == "invite-unknown"
    assert use(after(INVITED, invite_rules.decline(INVITED, "h-stranger"))) == "invite-unknown"


def test_sending_again_makes_it_the_senders_and_ends_the_old_link() -> None:
    again = invite(by=OWNER, now=NOW + WEEK).model_copy(update={"hash": "h-new", "role": Role.ADMIN, "email_key": ""})
    sent = after(INVITED, invite_rules.send_again(INVITED, again, mail))
    (found,) = sent.invites
    assert (found.role, found.email_key, found.invited_by) == (Role.MEMBER, "stranger@example.com", OWNER)
    assert slug_of(lambda: invite_rules.accept(sent, "h-stranger", account(STRANGER), NOW)) == "invite-unknown"
    assert invite_rules.accept(sent, "h-new", account(STRANGER), NOW + WEEK) is not None
    other = invite("x", by=OWNER)
    assert slug_of(lambda: invite_rules.send_again(INVITED, other, mail)) == "invite-not-found"


def test_who_invites_whom() -> None:
    assert slug_of(lambda: send(workspace(), invite(by=MEMBER))) == "not-admin"
    assert slug_of(lambda: send(workspace(), invite(by=STRANGER))) == "workspace-not-found"
    assert slug_of(lambda: send(workspace(provider="acme"), invite())) == "workspace-owned-by-product"
    assert slug_of(lambda: send(workspace(active=False), invite())) == "workspace-archived"
    assert slug_of(lambda: send(workspace(), invite(), MEMBER)) == "already-member"
    assert slug_of(lambda: send(INVITED, invite())) == "already-invited"
    assert slug_of(lambda: send(INVITED, invite("next"), at_most=1)) == "too-many-invites"
    later = after(INVITED, send(INVITED, invite("next", now=NOW + WEEK), at_most=1))
    assert [one.id for one in later.invites] == ["i-next"], "what has expired makes room"


def test_a_full_workspace_takes_nobody() -> None:
    full = [{"user_id": OWNER, "role": "owner"}] + [{"user_id": f"u{n}", "role": "admin"} for n in range(9_999)]
    crowded = workspace(members=full, invites=[invite(by=OWNER).model_dump()])
    assert slug_of(lambda: invite_rules.accept(crowded, "h-stranger", account(STRANGER), NOW)) == "workspace-full"


def test_used_invites_do_not_pile_up() -> None:
    now = workspace()
    for n in range(60):
        now = after(now, send(now, invite(f"u{n}", by=OWNER)))
        now = after(now, invite_rules.accept(now, f"h-u{n}", account(f"u{n}"), NOW))
    assert len(now.members) == 63
    assert [one.id for one in now.invites] == [f"i-u{n}" for n in range(10, 60)]


def test_clients_are_told_what_they_may() -> None:
    assert abilities(workspace(), STRANGER) == ()
    assert abilities(workspace(), MEMBER) == ("leave",)
    assert set(abilities(workspace(), ADMIN)) >= {"install", "invite", "rename", "leave"}
    assert "transfer" not in abilities(workspace(), ADMIN)
    assert set(abilities(workspace(), OWNER)) >= {"transfer", "archive", "make-owners"}
    assert not {"leave", "restore", "delete"} & set(abilities(workspace(), OWNER))
    assert {"restore", "delete"} <= set(abilities(workspace(active=False), OWNER))
    assert not {"install", "invite"} & set(abilities(workspace(active=False), OWNER))
    assert abilities(workspace(provider="acme"), OWNER) == ("install", "see-members")


@pytest.mark.parametrize("name", ["Acme", "Dr. No", "A.C.M.E", "東京", "v2.0", ""])
def test_harmless_names_are_mailed(name: str) -> None:
    assert harmless(name) == name


@pytest.mark.parametrize(
    "name", ["http://evil.example", "//evil", "Win at evil.example", "WWW.x", "you@evil", "evil.рф"]
)
def test_a_name_that_a_mail_program_makes_a_link_of_is_not(name: str) -> None:
    assert harmless(name) == ""


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("/addons/timer/install", "/addons/timer/install?workspace={id}"),
        ("/install?addon=a%20b&x=", "/install?addon=a%20b&x=&workspace={id}"),
        ("/install?workspace=old&addon=t#top", "/install?addon=t&workspace={id}#top"),
    ],
)
def test_one_step_leads_back_with_the_workspace(path: str, back: str) -> None:
    assert back_to(path) == back


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example", "x", "", "/a\nb"])
def test_the_step_back_stays_here(path: str) -> None:
    assert slug_of(lambda: back_to(path)) == "return-to-refused"


def test_what_the_configuration_allows() -> None:
    Policy("", local_workspaces=True, regions=()).check_creation("anything")
    some = Policy("", local_workspaces=True, regions=("eu", "us"))
    some.check_creation("eu")
    some.check_creation("")
    assert slug_of(lambda: some.check_creation("mars")) == "region-unknown"
    none = Policy("", local_workspaces=False, regions=())
    assert slug_of(lambda: none.check_creation("")) == "local-workspaces-off"


EVERYBODY = ("ann", "bob", "cyd", "dan", "eve", "fay")
PEOPLE = st.sampled_from(EVERYBODY)
SELDOM = st.sampled_from([False, False, False, False, True])


class Life(RuleBasedStateMachine):
    """Anybody tries anything, in any order; what is allowed is tried more often than chance would."""

    def __init__(self) -> None:
        super().__init__()
        document = new_workspace(workspace_id=ID, name="W", region="", product="", owner_id="ann", now=NOW)
        admins = [{"user_id": one, "role": "admin"} for one in ("bob", "cyd")]
        self.now = Workspace.model_validate(document | {"members": [*document["members"], *admins]})
        for admin, invitee in (("bob", "dan"), ("cyd", "eve")):
            self.now = after(self.now, send(self.now, invite(invitee, admin, Role.ADMIN)))
        self.clock = NOW
        self.joined = {"ann", "bob", "cyd"}

    def attempt(self, actor: str, step: Any) -> bool:
        """Take the step if it is allowed; what it makes of the roles must be the actor's to make."""
        before = self.now
        try:
            self.now = after(before, step(before))
        except Problem:
            return False
        old, new = _owners(before), _owners(self.now)
        assert new <= old or role_of(before, actor) is Role.OWNER, "only owners make owners"
        if self.now.deleted_at is None:
            gone = old - new
            assert not gone or actor in gone or role_of(before, actor) is Role.OWNER, "only owners unmake owners"
        return True

    @precondition(lambda self: self.now.active and len(self.joined) < len(EVERYBODY))
    @rule(data=st.data(), role=st.sampled_from([Role.ADMIN, Role.MEMBER]))
    def an_admin_invites(self, data: st.DataObject, role: InvitedRole) -> None:
        admins = [one.user_id or "" for one in self.now.members if one.role in rules.MANAGING]
        outside = [one for one in EVERYBODY if one not in self.joined]
        self.invites(data.draw(st.sampled_from(admins)), data.draw(st.sampled_from(outside)), role)

    @rule(actor=PEOPLE, invitee=PEOPLE, role=st.sampled_from([Role.ADMIN, Role.MEMBER]))
    def invites(self, actor: str, invitee: str, role: InvitedRole) -> None:
        self.attempt(actor, lambda now: send(now, invite(invitee, actor, role, self.clock), invitee))

    @precondition(lambda self: any(one.used_by is None for one in self.now.invites))
    @rule(data=st.data(), thief=PEOPLE, stolen=SELDOM)
    def somebody_follows_a_link(self, data: st.DataObject, thief: str, *, stolen: bool) -> None:
        waiting = [one.id.removeprefix("i-") for one in self.now.invites if one.used_by is None]
        invitee = data.draw(st.sampled_from(waiting))
        self.uses_link(thief if stolen else invitee, invitee)

    @rule(actor=PEOPLE, token=PEOPLE)
    def uses_link(self, actor: str, token: str) -> None:
        before = self.now
        if self.attempt(actor, lambda now: invite_rules.accept(now, f"h-{token}", account(actor), self.clock)):
            assert actor == token
            if self.now is not before:
                found = invite_rules.by_hash(before, f"h-{token}")
                assert role_of(before, found.invited_by) in rules.MANAGING
                assert role_of(self.now, actor) is found.role
                self.joined.add(actor)

    @rule(actor=PEOPLE, token=PEOPLE)
    def revokes(self, actor: str, token: str) -> None:
        self.attempt(actor, lambda now: invite_rules.revoke(now, actor, f"i-{token}"))

    @rule(actor=PEOPLE, whom=PEOPLE, role=st.sampled_from(Role))
    def changes_role(self, actor: str, whom: str, role: Role) -> None:
        self.attempt(actor, lambda now: rules.change_role(now, actor, whom, role))

    @precondition(lambda self: any(one.role is Role.ADMIN for one in self.now.members))
    @rule(data=st.data())
    def an_owner_demotes(self, data: st.DataObject) -> None:
        admins = [one.user_id or "" for one in self.now.members if one.role is Role.ADMIN]
        owner = data.draw(st.sampled_from(sorted(str(one) for one in _owners(self.now))))
        self.changes_role(owner, data.draw(st.sampled_from(admins)), Role.MEMBER)

    @rule(actor=PEOPLE, whom=PEOPLE)
    def removes(self, actor: str, whom: str) -> None:
        if self.attempt(actor, lambda now: rules.remove(now, actor, whom)):
            self.joined.discard(whom)

    @rule(actor=PEOPLE, whom=PEOPLE)
    def transfers(self, actor: str, whom: str) -> None:
        self.attempt(actor, lambda now: lifecycle.transfer(now, actor, whom))

    @rule(actor=PEOPLE, really=SELDOM)
    def archives(self, actor: str, *, really: bool) -> None:
        if really:
            self.attempt(actor, lambda now: lifecycle.archive(now, actor, self.clock))

    @precondition(lambda self: not self.now.active)
    @rule(actor=PEOPLE)
    def restores(self, actor: str) -> None:
        self.attempt(actor, lambda now: lifecycle.restore(now, actor))

    @rule(actor=PEOPLE, really=SELDOM)
    def deletes(self, actor: str, *, really: bool) -> None:
        before = self.now
        if really and self.attempt(actor, lambda now: lifecycle.delete(now, actor, self.clock)):
            assert not before.active
            self.joined.clear()

    @rule(days=st.sampled_from([1, 8]))
    def time_passes(self, days: int) -> None:
        self.clock += timedelta(days=days)

    @invariant()
    def somebody_owns_it(self) -> None:
        assert _owners(self.now) or self.now.deleted_at is not None

    @invariant()
    def nobody_is_in_it_who_did_not_join(self) -> None:
        assert {one.user_id for one in self.now.members} == self.joined
        assert len(self.now.members) == len(self.joined), "one entry each"


def _owners(of: Workspace) -> set[str | None]:
    return {one.user_id for one in of.members if one.role is Role.OWNER}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
