"""Codes of a device: set up, asked for, guessed, used twice, lost, switched off."""

import asyncio
import base64
import json
import time
from datetime import UTC, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from services.auth.main import build
from shared.plumbing.mongo import Database
from tests.integration.auth.conftest import API, OWN_PAGE, PASSWORD, PUBLIC_URL, Auth, platform, settings, slug, started
from tests.integration.auth.second_factor import Device, Hands, challenged, log_in, post, protect, second

EMAIL = "ada@example.com"


@pytest.fixture
def hands(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(auth, monkeypatch)


@pytest.fixture
async def device(auth: Auth, hands: Hands) -> Device:
    """Ada's."""
    return await protect(auth, await auth.person(EMAIL))


def claims(headers: dict[str, str]) -> dict[str, Any]:
    part = headers["Authorization"].split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


# --- switching it on ---


async def test_enrolment_gives_a_secret_once_and_counts_when_confirmed(auth: Auth, hands: Hands) -> None:
    someone = await auth.person(EMAIL)
    begun = await post(auth, "/me/two-factor", None, someone)
    shown = begun.json()
    address = urlsplit(shown["otpauth_uri"])
    assert (address.scheme, address.netloc, unquote(address.path)) == ("otpauth", "totp", f"/localhost:{EMAIL}")
    assert parse_qs(address.query) == {"secret": [shown["secret"]], "issuer": ["localhost"]}
    assert len(base64.b32decode(shown["secret"])) == 20
    assert shown["qr_code"].startswith("data:image/svg+xml")
    assert begun.headers["cache-control"] == "no-store"
    stored = json.dumps(await auth.user(EMAIL), default=str)
    assert shown["secret"] not in stored
    assert (await auth.http.get(f"{API}/me/two-factor", headers=someone.headers)).json()["enabled"] is False
    assert (await auth.log_in(EMAIL)).user_id == someone.user_id  # not asked for yet

    wrong = await post(auth, "/me/two-factor/confirm", {"code": "000000"}, someone)
    assert (wrong.status_code, slug(wrong)) == (403, "code-wrong")
    device = Device(auth, shown["secret"], [], someone)
    done = await post(auth, "/me/two-factor/confirm", {"code": device.code()}, someone)

    codes = done.json()["recovery_codes"]
    assert (len(codes), len(set(codes))) == (10, 10)
    stored = json.dumps(await auth.user(EMAIL), default=str)
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    told = (await auth.http.get(f"{API}/me/two-factor", headers=someone.headers)).json()
    assert (told["enabled"], told["recovery_codes_left"]) == (True, 10)
    assert (await auth.http.get(f"{API}/me", headers=someone.headers)).json()["two_factor"] is True
    assert [kind for kind, _ in await auth.events(EMAIL)][-1] == "TwoFactorChanged"
    assert await notices(auth) == ["two-factor-on"]
    hands.turn(1)


async def notices(auth: Auth) -> list[str]:
    """Kinds of the security notices that wait, oldest first."""
    mails = await auth.mails(EMAIL)
    assert {mail["address"] for mail in mails} == {EMAIL}
    return [mail["parameters"]["kind"] for mail in mails if mail["template"] == "security-notice"]


async def test_what_is_not_begun_or_is_done_cannot_be_confirmed(auth: Auth, hands: Hands) -> None:
    someone = await auth.person(EMAIL)
    assert slug(await post(auth, "/me/two-factor/confirm", {"code": "123456"}, someone)) == "two-factor-not-enrolled"
    secret = (await post(auth, "/me/two-factor", None, someone)).json()["secret"]
    device = Device(auth, secret, [], someone)
    hands.turn(16 * 60)
    fresh = await auth.log_in(EMAIL)
    late = await post(auth, "/me/two-factor/confirm", {"code": device.code()}, fresh)
    assert (late.status_code, slug(late)) == (409, "two-factor-not-enrolled")
    device = await protect(auth, fresh)
    for path, body in (("", None), ("/confirm", {"code": device.code()})):
        again = await post(auth, f"/me/two-factor{path}", body, fresh)
        assert (again.status_code, slug(again)) == (409, "two-factor-already-on")


async def test_confirmed_by_ten_at_once_there_is_one_set_of_recovery_codes(auth: Auth, hands: Hands) -> None:
    someone = await auth.person(EMAIL)
    device = Device(auth, (await post(auth, "/me/two-factor", None, someone)).json()["secret"], [], someone)
    body = {"code": device.code()}
    answers = await asyncio.gather(*(post(auth, "/me/two-factor/confirm", body, someone) for _ in range(10)))
    codes = sorted(answer.status_code for answer in answers)
    # 401: it looked between the switch and the note that its session has given a second factor.
    assert codes[0] == 200
    assert set(codes[1:]) <= {401, 409}
    (won,) = [answer.json()["recovery_codes"] for answer in answers if answer.status_code == 200]
    await log_in(auth, EMAIL, recovery_code=won[0])
    hands.turn(1)


async def test_switching_it_on_ends_the_other_sessions(auth: Auth, hands: Hands) -> None:
    one = await auth.person(EMAIL)
    other = await auth.log_in(EMAIL)
    await protect(auth, one)
    ended = await post(auth, "/sessions/refresh", {"refresh_token": other.refresh_token})
    assert slug(ended) == "session-ended"
    carried_on = await post(auth, "/sessions/refresh", {"refresh_token": one.refresh_token})
    token = carried_on.json()["access_token"]
    assert claims({"Authorization": f"Bearer {token}"})["amr"] == ["pwd", "otp", "mfa"]
    hands.turn(1)


async def test_a_session_without_a_second_factor_is_not_carried_on(auth: Auth, device: Device) -> None:
    """Whoever began it at the very moment at which the second factor was switched on."""
    late = device.session.session_id
    await auth.database["sessions"].update_one({"_id": late}, {"$set": {"amr": ["pwd"]}})
    answer = await post(auth, "/sessions/refresh", {"refresh_token": device.session.refresh_token})
    assert slug(answer) == "session-ended"


# --- logging in ---


async def test_log_in_takes_both_factors(auth: Auth, device: Device) -> None:
    answer = await second(auth, await challenged(auth, EMAIL), code=device.code())
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert claims({"Authorization": f"Bearer {answer.json()['access_token']}"})["amr"] == ["pwd", "otp", "mfa"]


async def test_a_wrong_password_tells_nothing_of_the_second_factor(auth: Auth, device: Device) -> None:
    wrong = await post(auth, "/sessions", {"email": EMAIL, "password": "a wrong password"})
    assert (wrong.status_code, slug(wrong)) == (401, "credentials-wrong")
    assert device.secret not in wrong.text


async def test_a_browser_gets_its_cookie_with_the_second_step(auth: Auth, device: Device) -> None:
    challenge = await challenged(auth, EMAIL, "browser", **OWN_PAGE)
    from_elsewhere = await second(auth, challenge, code=device.code())
    assert slug(from_elsewhere) == "cross-site-request"
    body = {"challenge": challenge, "code": device.code()}
    answer = await post(auth, "/sessions/two-factor", body, **OWN_PAGE)
    assert answer.status_code == 201
    assert answer.json()["refresh_token"] is None
    assert any(one.startswith("__Host-souk_refresh=") for one in answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_codes_of_the_neighbouring_steps_count(auth: Auth, hands: Hands, device: Device, steps: int) -> None:
    hands.turn(60)
    await log_in(auth, EMAIL, code=device.code(steps))


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
async def test_codes_of_other_steps_do_not(auth: Auth, hands: Hands, device: Device, steps: int) -> None:
    hands.turn(120)
    answer = await second(auth, await challenged(auth, EMAIL), code=device.code(steps))
    assert (answer.status_code, slug(answer)) == (403, "code-wrong")


async def test_a_code_counts_once_and_none_before_it(auth: Auth, hands: Hands, device: Device) -> None:
    await log_in(auth, EMAIL, code=device.code())
    for steps in (0, -1):
        again = await second(auth, await challenged(auth, EMAIL), code=device.code(steps))
        assert (again.status_code, slug(again)) == (403, "code-used")
    hands.turn(30)  # still within the window of the used one
    assert slug(await second(auth, await challenged(auth, EMAIL), code=device.code(-1))) == "code-used"
    await log_in(auth, EMAIL, code=device.code())


async def test_the_code_that_confirmed_it_logs_nobody_in(auth: Auth, device: Device) -> None:
    assert slug(await second(auth, await challenged(auth, EMAIL), code=device.code(-1))) == "code-used"


async def test_a_code_used_by_twenty_at_once_opens_one_session(auth: Auth, device: Device) -> None:
    challenges = [await challenged(auth, EMAIL) for _ in range(20)]
    answers = await asyncio.gather(*(second(auth, one, code=device.code()) for one in challenges))
    assert sorted(answer.status_code for answer in answers) == [201, *[403] * 19]
    assert {slug(answer) for answer in answers if answer.status_code == 403} == {"code-used"}


async def test_a_challenge_used_at_once_with_several_codes_opens_one_session(auth: Auth, device: Device) -> None:
    challenge = await challenged(auth, EMAIL)
    proofs: list[dict[str, str]] = [{"recovery_code": code} for code in device.recovery_codes[:4]]
    answers = await asyncio.gather(*(second(auth, challenge, **one) for one in proofs))
    assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401]
    assert {slug(answer) for answer in answers if answer.status_code == 401} == {"challenge-ended"}


async def test_a_used_challenge_opens_nothing_more(auth: Auth, hands: Hands, device: Device) -> None:
    challenge = await challenged(auth, EMAIL)
    assert (await second(auth, challenge, code=device.code())).status_code == 201
    hands.turn(30)
    assert slug(await second(auth, challenge, code=device.code())) == "challenge-ended"


async def test_a_challenge_ends_after_five_minutes(auth: Auth, hands: Hands, device: Device) -> None:
    challenge = await challenged(auth, EMAIL)
    hands.turn(301)
    answer = await second(auth, challenge, code=device.code())
    assert (answer.status_code, slug(answer)) == (401, "challenge-ended")


async def test_a_challenge_takes_five_tries(auth: Auth, device: Device) -> None:
    challenge = await challenged(auth, EMAIL)
    for _ in range(5):
        assert slug(await second(auth, challenge, code="000000")) == "code-wrong"
    assert slug(await second(auth, challenge, code=device.code())) == "challenge-ended"


async def test_a_challenge_ends_when_its_owner_logs_out_everywhere(auth: Auth, hands: Hands, device: Device) -> None:
    challenge = await challenged(auth, EMAIL)
    hands.turn(1)
    assert (await auth.http.delete(f"{API}/sessions", headers=device.session.headers)).status_code == 204
    assert slug(await second(auth, challenge, code=device.code())) == "challenge-ended"


async def test_ones_own_challenge_and_code_open_ones_own_account_only(auth: Auth, device: Device) -> None:
    eve = await protect(auth, await auth.person("eve@example.com"))
    of_ada = await second(auth, await challenged(auth, EMAIL), code=eve.code())
    assert slug(of_ada) == "code-wrong"
    of_eve = await second(auth, await challenged(auth, "eve@example.com"), recovery_code=device.recovery_codes[0])
    assert slug(of_eve) == "code-wrong"


@pytest.mark.parametrize("challenge", ["", "x", "A" * 43, "é" * 43, "{$gt: ''}"])
async def test_made_up_challenges_open_nothing(auth: Auth, device: Device, challenge: str) -> None:
    assert slug(await second(auth, challenge, code=device.code())) == "challenge-ended"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "123456", "recovery_code": "x"},
        {"code": "12345"},
        {"code": "1234567"},
        {"code": "１２３４５６"},
        {"code": 123456},
        {"code": "12345\x00"},
        {"code": "9" * 10_000},
        {"recovery_code": "x" * 10_000},
        {"code": "123456", "client": "browser"},
    ],
)
async def test_what_is_no_code_is_refused_as_input(auth: Auth, body: dict[str, object]) -> None:
    answer = await post(auth, "/sessions/two-factor", {"challenge": "x", **body})
    assert (answer.status_code, slug(answer)) == (422, "invalid-request")
    assert all(one.get("given", "***") == "***" for one in answer.json()["errors"] if "code" in one["field"])


# --- recovery codes ---


async def test_a_recovery_code_stands_in_once_however_it_is_typed(auth: Auth, device: Device) -> None:
    typed = f" {device.recovery_codes[3].upper().replace('-', ' ')} "
    session = await log_in(auth, EMAIL, recovery_code=typed)
    assert (await auth.http.get(f"{API}/me/two-factor", headers=session.headers)).json()["recovery_codes_left"] == 9
    again = await second(auth, await challenged(auth, EMAIL), recovery_code=device.recovery_codes[3])
    assert (again.status_code, slug(again)) == (403, "code-used")
    assert (await notices(auth))[-1] == "recovery-code-used"


async def test_a_recovery_code_used_by_ten_at_once_opens_one_session(auth: Auth, device: Device) -> None:
    challenges = [await challenged(auth, EMAIL) for _ in range(10)]
    code = device.recovery_codes[0]
    answers = await asyncio.gather(*(second(auth, one, recovery_code=code) for one in challenges))
    assert sorted(answer.status_code for answer in answers) == [201, *[403] * 9]


async def test_new_recovery_codes_end_the_old_ones(auth: Auth, device: Device) -> None:
    body = {"code": device.code()}
    answer = await post(auth, "/me/two-factor/recovery-codes", body, device.session)
    fresh = answer.json()["recovery_codes"]
    assert not set(fresh) & set(device.recovery_codes)
    old = await second(auth, await challenged(auth, EMAIL), recovery_code=device.recovery_codes[0])
    assert slug(old) == "code-wrong"
    await log_in(auth, EMAIL, recovery_code=fresh[0])
    again = await post(auth, "/me/two-factor/recovery-codes", body, device.session)
    assert slug(again) == "code-used"


# --- switching it off ---


@pytest.mark.parametrize("kind", ["code", "recovery_code"])
async def test_it_is_switched_off_with_a_code(auth: Auth, device: Device, kind: str) -> None:
    proof = {"code": device.code()} if kind == "code" else {"recovery_code": device.recovery_codes[0]}
    wrong = {"code": "000000"} if kind == "code" else {"recovery_code": "abcd"}
    assert slug(await post(auth, "/me/two-factor/disable", wrong, device.session)) == "code-wrong"
    assert (await post(auth, "/me/two-factor/disable", proof, device.session)).status_code == 204
    assert (await auth.user(EMAIL))["second_factor"] is None
    assert [kind for kind, _ in await auth.events(EMAIL)][-2:] == ["TwoFactorChanged", "TwoFactorChanged"]
    assert (await notices(auth))[-1] == "two-factor-off"
    await auth.log_in(EMAIL)
    assert slug(await post(auth, "/me/two-factor/disable", proof, device.session)) == "two-factor-not-enrolled"


async def test_what_endangers_it_asks_for_a_session_of_a_moment_ago(auth: Auth, hands: Hands, device: Device) -> None:
    hands.turn(299)
    renewed = (await post(auth, "/sessions/refresh", {"refresh_token": device.session.refresh_token})).json()
    hands.turn(299)
    again = (await post(auth, "/sessions/refresh", {"refresh_token": renewed["refresh_token"]})).json()
    hands.turn(200)
    headers = {"Authorization": f"Bearer {again['access_token']}"}
    for path, body in (("/disable", {"code": device.code()}), ("/recovery-codes", {"code": device.code()})):
        stale = await post(auth, f"/me/two-factor{path}", body, **headers)
        assert (stale.status_code, slug(stale)) == (403, "step-up-required")
        assert stale.json()["step_up"] == "/api/auth/v1/sessions/current/step-up"


# --- guessing ---


@pytest.mark.parametrize("guesses", [250, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_a_thousand_guesses_are_stopped_and_lock_out_nobody(
    database: Database, mongo_url: str, monkeypatch: pytest.MonkeyPatch, guesses: int
) -> None:
    # However long the guesses take here, to the limits they come at once.
    monkeypatch.setattr("services.auth.web.time", SimpleNamespace(monotonic=lambda: 0.0))
    service = build(platform(mongo_url), settings(mongo_database=database.name, codes_per_hour=20))
    async for auth in started(service, database):
        home = {"X-Forwarded-For": "203.0.113.7"}
        Hands(auth, monkeypatch)
        device = await protect(auth, await auth.person(EMAIL))
        mine = await post(
            auth, "/sessions/two-factor", {"challenge": await challenged(auth, EMAIL), "code": device.code()}, **home
        )
        assert mine.status_code == 201

        told: list[tuple[int, str]] = []
        for _ in range(guesses // 5):
            challenge = await challenged(auth, EMAIL)
            for thief in range(5):
                body = {"challenge": challenge, "code": f"{len(told):06}"}
                network = {"X-Forwarded-For": f"198.51.{thief}.1"}
                answer = await post(auth, "/sessions/two-factor", body, **network)
                told.append((answer.status_code, answer.headers.get("retry-after", "")))
        tried = [status for status, _ in told if status == 403]
        assert len(tried) <= 80, "four times twenty, from five networks"
        refused = [wait for status, wait in told if status == 429]
        assert len(refused) >= guesses - 100
        assert all(int(wait) > 0 for wait in refused)

        body = {"challenge": await challenged(auth, EMAIL), "code": device.code(1)}
        elsewhere = await post(auth, "/sessions/two-factor", body, **{"X-Forwarded-For": "192.0.2.1"})
        assert elsewhere.status_code == 429, "a network that the owner has never used"
        at_home = await post(auth, "/sessions/two-factor", body, **home)
        assert at_home.status_code == 201, at_home.text
        body = {"challenge": await challenged(auth, EMAIL), "recovery_code": device.recovery_codes[0]}
        away = await post(auth, "/sessions/two-factor", body, **{"X-Forwarded-For": "192.0.2.1"})
        assert away.status_code == 201


# --- time ---


async def test_a_process_clock_ten_minutes_off_does_no_harm(
    database: Database, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + 600)
    service = build(platform(mongo_url), settings(mongo_database=database.name))
    async for auth in started(service, database):
        told = await auth.service.client.admin.command("hello")
        assert abs(auth.service.clock.now() - told["localTime"].replace(tzinfo=UTC)) < timedelta(seconds=60)
        device = await protect(auth, await auth.person(EMAIL))
        of_the_database = await second(auth, await challenged(auth, EMAIL), code=device.code())
        assert of_the_database.status_code == 201
        ahead = await second(auth, await challenged(auth, EMAIL), code=device.code(20))
        assert slug(ahead) == "code-wrong"


async def test_secrets_are_bound_to_their_account(auth: Auth, device: Device) -> None:
    """A copy of the stored secret is of no use to another account."""
    await protect(auth, await auth.person("eve@example.com"))
    users = auth.database["users"]
    stolen = (await auth.user(EMAIL))["second_factor"]["secret"]
    await users.update_one({"email_key": "eve@example.com"}, {"$set": {"second_factor.secret": stolen}})
    answer = await second(auth, await challenged(auth, "eve@example.com"), code=device.code())
    assert answer.status_code == 500
    assert device.secret not in answer.text
    assert PASSWORD not in answer.text
    assert PUBLIC_URL in answer.json()["type"]
