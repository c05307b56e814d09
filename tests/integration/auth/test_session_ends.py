"""Ending sessions, all of them at once too, and cookies that somebody else has planted."""

import asyncio

import pytest

from tests.integration.auth.conftest import API, OWN_PAGE, PASSWORD, Auth, Session, session_of, slug
from tests.integration.auth.second_factor import Hands, post

EMAIL = "ada@example.com"
COOKIE = "__Host-souk_refresh"


async def stands(auth: Auth, session: Session) -> bool:
    answer = await post(auth, "/sessions/refresh", {"refresh_token": session.refresh_token})
    return answer.status_code == 200


async def test_logging_out_everywhere_ends_every_session(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    hands = Hands(auth, monkeypatch)
    one, eve = await auth.person(EMAIL), await auth.person("eve@example.com")
    two = await auth.log_in(EMAIL)
    hands.turn(1)
    answer = await auth.http.delete(f"{API}/sessions", headers=one.headers)
    assert answer.status_code == 204
    assert [await stands(auth, session) for session in (one, two, eve)] == [False, False, True]
    assert (await auth.http.get(f"{API}/sessions", headers=one.headers)).json() == []
    assert await stands(auth, await auth.log_in(EMAIL))


async def test_all_others_are_ended_and_this_one_stays(auth: Auth) -> None:
    one = await auth.person(EMAIL)
    others = [await auth.log_in(EMAIL) for _ in range(3)]
    answer = await auth.http.delete(f"{API}/sessions?except=current", headers=one.headers)
    assert answer.status_code == 204
    assert [await stands(auth, session) for session in (*others, one)] == [False, False, False, True]
    bad = await auth.http.delete(f"{API}/sessions?except=none", headers=one.headers)
    assert slug(bad) == "invalid-request"


async def test_a_log_in_at_the_moment_of_logging_out_everywhere_stands_or_is_refused(auth: Auth) -> None:
    one = await auth.person(EMAIL)
    body = {"email": EMAIL, "password": PASSWORD}
    out, answers = await asyncio.gather(
        auth.http.delete(f"{API}/sessions", headers=one.headers),
        asyncio.gather(*(post(auth, "/sessions", body) for _ in range(5))),
    )
    assert out.status_code == 204
    listed = {row["id"] for row in (await auth.http.get(f"{API}/sessions", headers=one.headers)).json()}
    for answer in answers:
        if answer.status_code == 201:
            session = session_of(answer.json())
            assert await stands(auth, session) <= (session.session_id in listed)
        else:
            assert (answer.status_code, slug(answer)) == (401, "session-ended")


async def browser(auth: Auth) -> str:
    """The value of a browser's cookie."""
    body = {"email": EMAIL, "password": PASSWORD, "client": "browser"}
    answer = await post(auth, "/sessions", body, **OWN_PAGE)
    auth.http.cookies.clear()
    return str(answer.headers["set-cookie"]).partition(";")[0].partition("=")[2]


@pytest.mark.parametrize(
    "order", ["{own}; {planted}", "{planted}; {own}", "{planted};{own}", "a=b; {own}; c; {planted}"]
)
async def test_of_two_cookies_of_the_name_neither_counts(auth: Auth, order: str) -> None:
    """What another site could plant beside ours must neither win nor be used for its victim."""
    await auth.person(EMAIL)
    own, planted = await browser(auth), await browser(auth)
    cookie = order.format(own=f"{COOKIE}={own}", planted=f"{COOKIE}={planted}")
    answer = await post(auth, "/sessions/refresh", **OWN_PAGE, Cookie=cookie)
    assert (answer.status_code, slug(answer)) == (401, "session-ended")
    alone = await post(auth, "/sessions/refresh", **OWN_PAGE, Cookie=f"other=1; {COOKIE}={own}; x=2")
    assert alone.status_code == 200


@pytest.mark.parametrize(
    "name", ["souk_refresh", "__host-souk_refresh", "__Secure-souk_refresh", "__Host-souk_refresh2"]
)
async def test_a_cookie_of_a_similar_name_is_none_of_ours(auth: Auth, name: str) -> None:
    await auth.person(EMAIL)
    answer = await post(auth, "/sessions/refresh", **OWN_PAGE, Cookie=f"{name}={await browser(auth)}")
    assert slug(answer) == "session-ended"


async def test_the_cookie_of_a_browser_goes_when_everything_is_logged_out(auth: Auth) -> None:
    await auth.person(EMAIL)
    cookie = {"Cookie": f"{COOKIE}={await browser(auth)}"}
    opened = session_of((await post(auth, "/sessions", {"email": EMAIL, "password": PASSWORD})).json())
    answer = await auth.http.delete(f"{API}/sessions", headers={**opened.headers, **cookie})
    assert answer.headers["set-cookie"].startswith(f"{COOKIE}=")
    assert "max-age=0" in answer.headers["set-cookie"].lower()


async def test_sessions_that_a_new_password_ended_are_not_listed(auth: Auth) -> None:
    mine, other = await auth.person(EMAIL), await auth.log_in(EMAIL)
    body = {"current_password": PASSWORD, "new_password": "another horse battery"}
    changed = await auth.http.put(f"{API}/me/password", json=body, headers=mine.headers)
    assert changed.status_code == 204, changed.text
    listed = await auth.http.get(f"{API}/sessions", headers=mine.headers)
    assert [one["id"] for one in listed.json()] == [mine.session_id]
    gone = await post(auth, "/sessions/refresh", {"refresh_token": other.refresh_token})
    assert slug(gone) == "session-ended"
