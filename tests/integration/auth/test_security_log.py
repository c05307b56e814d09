"""What happened to an account, kept with the change itself."""

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.auth.domain import Cause, SecurityKind
from services.auth.security.store import SecurityLog
from services.auth.security.tally import Tally
from tests.integration.auth.conftest import API, PASSWORD, Auth, Session, session_of, slug
from tests.integration.auth.second_factor import protect
from tests.integration.auth.test_invites import invited
from tests.integration.auth.test_workspaces import WORKSPACES, create

EMAIL = "ada@example.com"


async def kinds(auth: Auth, user_id: str) -> list[str]:
    """What is in somebody's log, the oldest first."""
    found = auth.database["security_events"].find({"user_id": user_id}).sort("at", 1)
    return [one["kind"] async for one in found]


async def test_a_link_used_by_two_at_once_is_logged_once(auth: Auth) -> None:
    await auth.sign_up(EMAIL)
    token = await auth.link_token(EMAIL)

    answers = await asyncio.gather(*(auth.verify(token) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410]
    assert {slug(answer) for answer in answers if answer.status_code == 410} == {"link-used"}
    assert await kinds(auth, (await auth.user(EMAIL))["_id"]) == ["email-verified"]


async def test_what_cannot_be_logged_is_not_done(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    await auth.sign_up(EMAIL)
    token = await auth.link_token(EMAIL)
    with monkeypatch.context() as broken:

        async def fail(*_: object) -> None:
            raise AutoReconnect("primary stepped down")

        broken.setattr(SecurityLog, "add", fail)
        assert (await auth.verify(token)).status_code == 503

    assert (await auth.user(EMAIL))["verified_at"] is None
    assert await kinds(auth, (await auth.user(EMAIL))["_id"]) == []
    assert (await auth.verify(token)).status_code == 200


async def shown(auth: Auth, session: Session, **query: str | int) -> dict[str, Any]:
    answer = await auth.http.get(f"{API}/me/security-log", headers=session.headers, params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_the_owner_reads_what_happened_the_newest_first(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    body = {"email": EMAIL, "password": PASSWORD}
    headers = {"User-Agent": "Lynx/2.9 " + "x" * 500, "X-Forwarded-For": "203.0.113.7"}
    second = session_of((await auth.http.post(f"{API}/sessions", json=body, headers=headers)).json())
    await auth.http.delete(f"{API}/sessions/{second.session_id}", headers=ada.headers)
    await auth.http.delete(f"{API}/sessions?except=current", headers=ada.headers)

    rows = (await shown(auth, ada))["items"]
    assert [row["kind"] for row in rows] == [
        *("logged-out-elsewhere", "session-ended", "session-opened", "session-opened", "email-verified")
    ]
    assert rows[1]["details"] == {"session_id": second.session_id, "because": "revoked"}
    assert (rows[2]["network"], rows[2]["count"]) == ("203.0.113.7", 1)
    assert rows[2]["user_agent"].startswith("Lynx/2.9")
    assert len(rows[2]["user_agent"]) == 200


async def test_what_a_newer_release_has_written_is_shown_as_it_is(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    await auth.database["security_events"].update_many({"kind": "email-verified"}, {"$set": {"kind": "newer-than-we"}})
    assert {row["kind"] for row in (await shown(auth, ada))["items"]} == {"session-opened", "newer-than-we"}


async def test_what_happened_in_a_workspace_is_told_with_its_name_of_then(auth: Auth) -> None:
    ada, bob = await auth.person(EMAIL), await auth.person("bob@example.com")
    workspace_id = (await create(auth, ada, name="Acme"))["id"]
    token = await invited(auth, ada, workspace_id, "bob@example.com")
    await auth.http.post(f"{API}/invites/accept", json={"token": token}, headers=bob.headers)
    here = f"{WORKSPACES}/{workspace_id}"
    await auth.http.patch(here, json={"name": "Zenith"}, headers=ada.headers)
    await auth.http.delete(f"{here}/members/{bob.user_id}", headers=ada.headers)

    async def told(who: Session) -> list[tuple[str, str]]:
        rows = [row for row in (await shown(auth, who))["items"] if "workspace" in row["kind"]]
        assert {row["details"]["workspace_id"] for row in rows} == {workspace_id}
        return [(row["kind"], row["details"]["workspace"]) for row in rows]

    assert await told(ada) == [("workspace-invite-accepted", "Acme")]
    assert await told(bob) == [("workspace-removed-from", "Zenith"), ("workspace-joined", "Acme")]


async def test_it_is_read_in_pages_without_gap_or_repetition(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    for _ in range(6):
        await auth.log_in(EMAIL)
    moment = auth.service.clock.now()
    await auth.database["security_events"].update_many({"kind": "session-opened"}, {"$set": {"at": moment}})
    everything = [row["id"] for row in (await shown(auth, ada))["items"]]
    paged: list[str] = []
    page = await shown(auth, ada, limit=3)
    while True:
        paged += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        page = await shown(auth, ada, limit=3, cursor=page["next"])
    assert paged == everything
    assert len(everything) == 8
    for cursor in ("x", "e30", "W10"):
        answer = await auth.http.get(f"{API}/me/security-log", headers=ada.headers, params={"cursor": cursor})
        assert slug(answer) == "invalid-cursor"


async def test_nobody_reads_anothers(auth: Auth) -> None:
    ada, eve = await auth.person(EMAIL), await auth.person("eve@example.com")
    for query in ({}, {"user_id": ada.user_id}):
        rows = (await shown(auth, eve, **query))["items"]
        assert {row["kind"] for row in rows} == {"email-verified", "session-opened"}
        assert not any(ada.session_id in str(row) for row in rows)
    assert slug(await auth.http.get(f"{API}/me/security-log")) == "token-missing"


async def test_a_thousand_refused_log_ins_fill_one_line(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    cause = Cause("c1", network="198.51.100.9", user_agent="curl")
    tally = Tally(SecurityLog(auth.database, auth.service.clock))
    for _ in range(3):
        for _ in range(300):
            tally.note(ada.user_id, SecurityKind.LOG_IN_REFUSED, cause)
        await tally.flush()
    rows = [row for row in (await shown(auth, ada))["items"] if row["kind"] == "log-in-refused"]
    assert [(row["count"], row["network"]) for row in rows] == [(900, "198.51.100.9")]


async def test_a_refused_log_in_reaches_the_log_and_that_of_a_stranger_none(auth: Auth) -> None:
    ada = await auth.person(EMAIL)
    for email in (EMAIL, EMAIL, "nobody@example.com"):
        body = {"email": email, "password": "a wrong password"}
        assert slug(await auth.http.post(f"{API}/sessions", json=body)) == "credentials-wrong"
    await auth.service.close[0]()  # as a service does that is stopped
    (row,) = [row for row in (await shown(auth, ada))["items"] if row["kind"] == "log-in-refused"]
    assert row["count"] == 2
    assert await auth.database["security_events"].count_documents({"kind": "log-in-refused"}) == 1


async def test_counts_survive_a_database_that_is_away(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    security = SecurityLog(auth.database, auth.service.clock)
    tally = Tally(security)
    tally.note("a" * 24, SecurityKind.LOG_IN_REFUSED, Cause("c1"))
    with monkeypatch.context() as broken:

        async def fail(*_: object) -> None:
            raise AutoReconnect("primary stepped down")

        broken.setattr(security, "count", fail)
        with pytest.raises(AutoReconnect):
            await tally.flush()
    tally.note("a" * 24, SecurityKind.LOG_IN_REFUSED, Cause("c2"))
    await tally.flush()
    (document,) = await auth.database["security_events"].find({"kind": "log-in-refused"}).to_list()
    assert (document["count"], document["correlation_id"]) == (2, "c2")


async def test_a_copied_session_is_told_of_once_by_log_and_mail(auth: Auth) -> None:
    thief = await auth.person(EMAIL)
    owner = await auth.log_in(EMAIL)
    for _ in range(2):
        renewed = await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": thief.refresh_token})
        token = renewed.json().get("refresh_token")
        if token:
            await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": token})
    answers = await asyncio.gather(
        *(auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": thief.refresh_token}) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {401}
    found = [row["kind"] for row in (await shown(auth, owner))["items"]]
    assert (found.count("refresh-reused"), found.count("session-ended")) == (1, 1)
    notices = [mail for mail in await auth.mails(EMAIL) if mail["template"] == "security-notice"]
    assert [mail["parameters"]["kind"] for mail in notices] == ["refresh-reused"]
    assert (
        await auth.http.post(f"{API}/sessions/refresh", json={"refresh_token": owner.refresh_token})
    ).status_code == 200


async def test_a_session_that_cannot_be_logged_does_not_begin(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    await auth.person(EMAIL)
    before = await auth.database["sessions"].count_documents({})
    with monkeypatch.context() as broken:

        async def fail(*_: object) -> None:
            raise AutoReconnect("primary stepped down")

        broken.setattr(SecurityLog, "add", fail)
        answer = await auth.http.post(f"{API}/sessions", json={"email": EMAIL, "password": PASSWORD})
    assert (answer.status_code, slug(answer)) == (503, "database-unavailable")
    assert await auth.database["sessions"].count_documents({}) == before


async def test_nobody_reads_where_others_sit(auth: Auth) -> None:
    ada, bob, operator = await auth.person(EMAIL), await auth.person("bob@example.com"), await auth.operator()
    await protect(auth, ada)
    workspace_id = (await create(auth, ada))["id"]
    token = await invited(auth, ada, workspace_id, "bob@example.com")
    place = {"User-Agent": "Lynx/2.9", "X-Forwarded-For": "203.0.113.7"}

    async def ask(method: str, path: str, by: Session, **body: str) -> None:
        answer = await auth.http.request(method, path, json=body or None, headers={**by.headers, **place})
        assert answer.is_success, answer.text

    await ask("POST", f"{API}/invites/accept", bob, token=token)
    await ask("PUT", f"{WORKSPACES}/{workspace_id}/members/{bob.user_id}", ada, role="owner")
    await ask("POST", f"{WORKSPACES}/{workspace_id}/archive", bob)
    await ask("DELETE", f"{API}/operator/accounts/{ada.user_id}/two-factor", operator)

    async def places(user_id: str) -> dict[str, tuple[str, str]]:
        which = {"user_id": user_id, "kind": {"$regex": "^(workspace-|two-factor-off)"}}
        found = auth.database["security_events"].find(which)
        return {one["kind"]: (one["network"], one["user_agent"]) async for one in found}

    here, nowhere = ("203.0.113.7", "Lynx/2.9"), ("", "")
    assert await places(ada.user_id) == {
        "workspace-invite-accepted": nowhere,
        "workspace-archived": nowhere,
        "two-factor-off": nowhere,
    }
    assert await places(bob.user_id) == {
        "workspace-joined": here,
        "workspace-role-changed": nowhere,
        "workspace-archived": here,
    }
