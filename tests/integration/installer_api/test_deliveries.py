"""The log of attempts, and calling again: by whom, in which state, how often."""

from datetime import timedelta
from typing import Any

import httpx

from services.installer.domain import Kind
from services.installer.saga.inputs import Answer, CallReported, Due, Lease, Result, Surroundings, UninstallAsked
from services.installer.storage.attempt_store import reported
from shared.contracts.reasons import Side
from tests.integration.installer_api.conftest import Installer
from tests.users import new_id

PATH = "/api/installer/v1/installations"
SECRET = "the seats of this workspace are full"


async def keeps(installer: Installer, one: str, attempt: int, answer: Answer, kind: Kind = Kind.INSTALLED) -> None:
    """What a worker stores with the report of an attempt."""
    found = await installer.store.find(one)
    assert found is not None
    report = CallReported(kind, 1 if kind is Kind.INSTALLED else 2, attempt, answer)
    await installer.store.attempts.record([reported(found, report, installer.clock.now())])


async def press(
    installer: Installer, user: str, one: str, *roles: str, key: str | None = None
) -> tuple[int, dict[str, Any]]:
    headers = {**installer.as_(user, *roles), "Idempotency-Key": key or new_id()}
    answer = await installer.client.post(f"{PATH}/{one}/deliveries/redeliver", headers=headers)
    return answer.status_code, answer.json()


async def made(installer: Installer, *, install: bool = True, **workspace: Any) -> tuple[str, str, str]:
    """An admin, the add-on's publisher, and an installation."""
    admin, publisher = await installer.user(), await installer.user()
    place = await installer.workspace(admin, **workspace)
    addon = await installer.addon(publisher_id=publisher)
    one = (await installer.ask(admin, place, addon)).json()["id"]
    if install:
        await installer.installs(one)
    return admin, publisher, one


def of(answer: httpx.Response) -> list[tuple[int, int, str, str | None]]:
    return [(one["number"], one["attempt"], one["outcome"], one["answer"]) for one in answer.json()["items"]]


async def test_attempts_are_shown_newest_first_in_pages_and_their_answers_to_few(installer: Installer) -> None:
    member, stranger = await installer.user(), await installer.user()
    admin, publisher, one = await made(installer, members=[member])
    await keeps(installer, one, 1, Answer(Result.UNKNOWN, Side.ADDON, status=500, body=SECRET))
    await keeps(installer, one, 2, Answer(Result.NOT_SEEN, Side.NETWORK, text="dns"))
    await keeps(installer, one, 10, Answer(Result.OK, status=200, body="{}", duration=timedelta(seconds=0.25)))
    path = f"/installations/{one}/deliveries"

    everything = [(1, 10, "ok", "{}"), (1, 2, "not_seen", "dns"), (1, 1, "unknown", SECRET)]
    for user, roles in ((admin, ()), (publisher, ()), (stranger, ("operator",))):
        assert of(await installer.get(path, user, *roles)) == everything
    assert of(await installer.get(path, member)) == [(*row[:3], None) for row in everything]
    assert (await installer.get(path, stranger)).json()["slug"] == "installation-not-found"
    first = await installer.get(path, admin, limit=2)
    rest = await installer.get(path, admin, limit=2, cursor=first.json()["next"])
    assert of(first) + of(rest) == everything
    assert rest.json()["next"] is None
    newest = first.json()["items"][0]
    assert (newest["webhook_id"], newest["duration_ms"], newest["status"]) == (f"{one}-INSTALLED-1", 250, 200)
    assert (await installer.get(path, admin, cursor="bm9uc2Vuc2U")).json()["slug"] == "invalid-cursor"


async def test_a_publisher_finds_what_failed_at_the_addon_in_every_workspace(installer: Installer) -> None:
    _, publisher, one = await made(installer)
    found = await installer.store.find(one)
    assert found is not None
    for attempt in (1, 2):
        await keeps(installer, one, attempt, Answer(Result.UNKNOWN, Side.ADDON, status=502, body=SECRET))
    await keeps(installer, one, 3, Answer(Result.OK, status=200))
    path = f"/addons/{found.addon_key}/deliveries"

    first = await installer.get(path, publisher, limit=1)
    rest = await installer.get(path, publisher, limit=1, cursor=first.json()["next"])

    assert of(first) + of(rest) == [(1, 2, "unknown", SECRET), (1, 1, "unknown", SECRET)]
    assert rest.json()["next"] is None
    assert (await installer.get(path, await installer.user())).json()["slug"] == "not-the-publisher"
    assert len((await installer.get(path, await installer.user(), "operator")).json()["items"]) == 2


async def test_an_attempt_is_kept_once_and_its_own_word_replaces_that_it_was_lost(installer: Installer) -> None:
    admin, _, one = await made(installer, install=False)
    await installer.delivers(one)
    later = installer.clock.now() + timedelta(seconds=60)
    found = await installer.store.find(one)
    assert found is not None
    await installer.database["installations"].update_one(
        {"_id": one}, {"$set": {"flight.until": installer.clock.now(), "due_at": installer.clock.now()}}
    )
    await installer.lives_through(one, Due(Surroundings(lease=Lease("another", later))))
    path = f"/installations/{one}/deliveries"
    (lost,) = (await installer.get(path, admin)).json()["items"]
    await keeps(installer, one, 1, Answer(Result.OK, status=200))
    await keeps(installer, one, 1, Answer(Result.OK, status=200))
    (told,) = (await installer.get(path, admin)).json()["items"]

    assert (lost["outcome"], lost["side"], lost["attempt"]) == ("unreported", "us", 1)
    assert (told["outcome"], told["side"], told["status"]) == ("ok", None, 200)


async def test_each_press_is_one_call_and_the_same_press_again_is_none(installer: Installer) -> None:
    admin, publisher, one = await made(installer)

    status, first = await press(installer, admin, one, key="press-1")
    again = await press(installer, admin, one, key="press-1")
    other = await press(installer, publisher, one, key="press-1")
    third = await press(installer, new_id(), one, "operator")

    assert (status, first["state"], first["call"]["kind"], first["call"]["number"]) == (
        202,
        "INSTALLED",
        "INSTALLED",
        2,
    )
    assert first["next"]["action"] == "call-addon"
    assert (again[0], again[1]["call"]["number"]) == (202, 2)
    assert (other[0], other[1]["call"]["number"]) == (202, 3)
    assert (third[0], third[1]["call"]["number"]) == (202, 4)


async def test_who_may_not_and_what_there_is_nothing_of(installer: Installer) -> None:
    member = await installer.user()
    admin, publisher, one = await made(installer, members=[member], install=False)

    assert (await press(installer, member, one))[1]["slug"] == "not-admin"
    assert (await press(installer, await installer.user(), one))[1]["slug"] == "installation-not-found"
    assert (await press(installer, admin, one))[1]["slug"] == "nothing-to-redeliver", "pending: that is retry's"
    nameless = await installer.client.post(f"{PATH}/{one}/deliveries/redeliver", headers=installer.as_(admin))
    assert (nameless.status_code, nameless.json()["slug"]) == (400, "idempotency-key-missing")
    await installer.installs(one)
    await installer.lives_through(one, UninstallAsked(admin))

    owed = await press(installer, publisher, one)
    assert (owed[0], owed[1]["call"]["kind"], owed[1]["call"]["number"]) == (202, "DELETED", 2), "the same call, now"
    lease = Surroundings(lease=Lease("test", installer.clock.now() + timedelta(seconds=6)))
    gone = CallReported(Kind.DELETED, 2, 1, Answer(Result.OK, status=200))
    await installer.lives_through(one, Due(lease), gone)
    status, closed = await press(installer, publisher, one)
    assert (status, closed["slug"], closed["installation"]["cleanup"]) == (409, "nothing-to-redeliver", "closed")


async def test_pressing_for_ever_meets_a_limit_of_the_installation(installer: Installer) -> None:
    admin, publisher, one = await made(installer)
    statuses = [(await press(installer, person, one))[0] for _ in range(6) for person in (admin, publisher)]

    assert statuses.count(202) >= 6
    assert 429 in statuses
