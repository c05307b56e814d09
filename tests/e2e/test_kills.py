"""Whatever is killed in the middle of an install: the same result, once.

A group whose member is killed stays stuck on the embedded broker, so all of this needs Apache Kafka.
"""

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from deploy.local.broker import Engine
from deploy.local.demo.people import eventually
from deploy.local.stack import Stack
from tests.e2e.marketplace import INSTALLATIONS, Marketplace, SampleAddOn

pytestmark = pytest.mark.apache

SERVICES = ("auth", "catalog", "installer", "notifier")
READS = (
    "/api/auth/v1/me",
    "/api/catalog/v1/addons",
    f"{INSTALLATIONS}?workspace={{}}",
    "/api/notifier/v1/snapshot?workspace={}",
)


@pytest.fixture
def mortal_kafka(killable: Stack) -> Stack:
    """The stack, if its Kafka is its own."""
    if killable.plan.broker.engine is Engine.EXTERNAL:
        pytest.skip("needs Apache Kafka of the stack's own: LOCAL_KAFKA names one that is not ours to kill")
    return killable


def ended_well(marketplace: Marketplace, addon: SampleAddOn, installation: str) -> None:
    """Installed, told once, done once, mailed once."""
    marketplace.outcome(installation, "installed", 90)
    marketplace.topics.wait("AddOnInstalled", installation_id=installation)
    assert marketplace.told(installation) == [("InstallRequested", "1"), ("AddOnInstalled", "2")]
    calls = addon.calls(addon_id=installation)  # since the add-on was started, where it was killed too
    assert {call["webhook_id"] for call in calls} <= {f"{installation}-INSTALLED-1"}
    assert [call["applied"] for call in calls].count(True) <= 1
    kept = addon.install(installation)
    assert (kept["status"], kept["effects"]) == ("ACTIVE", [f"{installation}-INSTALLED-1"])
    mails = eventually(lambda: marketplace.mails_about(installation), f"a mail about {installation}", 120)
    # A mail server may get a mail twice, if we die between its yes and our note; readers deduplicate by this id.
    assert len({mail["message_id"] for mail in mails}) == 1


@pytest.mark.slow
def test_each_service_may_be_killed_while_installs_are_under_way(
    marketplace: Marketplace, killable: Stack, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=1)
    installations = []
    for service in SERVICES:
        installations.append(marketplace.request(addon.key, a_workspace()))
        killable.kill(service)
        killable.start(service)

    for installation in installations:
        ended_well(marketplace, addon, installation)
    marketplace.settle()


@pytest.mark.slow
@pytest.mark.parametrize(
    "when", [f"{service} {moment}" for service in SERVICES for moment in ("asked", "called", "answered", "told")]
)
def test_a_kill_at_any_moment_changes_nothing(
    marketplace: Marketplace, killable: Stack, workspace: str, addon: SampleAddOn, when: str
) -> None:
    service, moment = when.split()
    addon.behave("slow", seconds=1)
    installation = marketplace.request(addon.key, workspace)
    match moment:
        case "called":
            eventually(lambda: addon.calls("INSTALLED"), "the call")
        case "answered":
            eventually(lambda: [call for call in addon.calls("INSTALLED") if call["status"]], "the answer")
        case "told":
            marketplace.topics.wait("AddOnInstalled", installation_id=installation)

    killable.kill(service)
    killable.start(service)

    ended_well(marketplace, addon, installation)


@pytest.mark.slow
def test_an_installer_that_is_told_to_stop_lets_its_calls_end(
    marketplace: Marketplace, killable: Stack, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("late", seconds=3)
    installation = marketplace.request(addon.key, workspace)
    eventually(lambda: addon.install(installation), "the call's effect, after which the add-on needs nothing of ours")

    killable.restart("installer")

    ended_well(marketplace, addon, installation)
    (call,) = addon.calls("INSTALLED", addon_id=installation)
    assert call["status"] == 200


def stubborn(marketplace: Marketplace, key: str, room: str) -> str:
    """Ask until the answer is 202, always with the same key, as a client should. Returns the installation's id."""
    name = secrets.token_hex(16)

    def ask() -> httpx.Response | None:
        try:
            answer = marketplace.ask(key, room, idempotency_key=name)
        except httpx.TransportError:
            return None
        assert answer.status_code in {202, 502, 503, 504}, answer.text
        return answer if answer.status_code == httpx.codes.ACCEPTED else None

    accepted: httpx.Response = eventually(ask, f"202 for {room}", 90)
    installation: str = accepted.json()["id"]
    return installation


@pytest.mark.slow
def test_many_installs_survive_many_kills(
    marketplace: Marketplace, killable: Stack, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=0.3)
    rooms = [a_workspace() for _ in range(45)]  # a mail names 50 results at most
    for room in rooms:
        marketplace.preflight(addon.key, room)
    marketplace.admin.log_in()

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(stubborn, marketplace, addon.key, room) for room in rooms]
        for service in ("installer", "auth", "installer", "notifier", "installer"):
            killable.kill(service)
            killable.start(service)
    installations = [one.result() for one in asked]

    assert len(set(installations)) == len(rooms)
    for installation in installations:
        ended_well(marketplace, addon, installation)
    marketplace.settle()


@pytest.mark.slow
def test_everything_may_be_killed_at_once(
    marketplace: Marketplace, mortal_kafka: Stack, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=1)
    installations = [marketplace.request(addon.key, a_workspace()) for _ in range(5)]

    mortal_kafka.kill()
    mortal_kafka.start()

    addon.behave("ok")
    for installation in installations:
        ended_well(marketplace, addon, installation)


@pytest.mark.slow
def test_what_was_told_before_a_kill_comes_out(marketplace: Marketplace, killable: Stack) -> None:
    """An account and a listing, accepted an instant before their service dies."""
    newcomer = marketplace.person("Nora")
    newcomer.sign_up()
    marketplace.publisher.log_in()  # a token that lasts as long as auth is away
    killable.kill("auth")
    addon = marketplace.addon()
    killable.kill("catalog")
    killable.start("auth", "catalog")

    newcomer.open_link(marketplace.mailbox.wait(newcomer.email, "confirm"))
    newcomer.log_in()
    assert len(marketplace.mailbox.mails(newcomer.email, "")) == 1
    marketplace.topics.wait("AddOnPublished", addon_key=addon.key)
    installation = marketplace.install(addon, marketplace.workspace())
    ended_well(marketplace, addon, installation)


@pytest.mark.slow
def test_an_addon_killed_by_its_owner_is_called_again(
    marketplace: Marketplace, killable: Stack, workspace: str, addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=3)
    installation = marketplace.request(addon.key, workspace)
    eventually(lambda: addon.calls("INSTALLED"), "the call")

    killable.kill("addon")
    killable.start("addon")

    ended_well(marketplace, addon, installation)


@pytest.mark.slow
def test_without_kafka_installs_are_accepted_and_completed_later(
    marketplace: Marketplace, mortal_kafka: Stack, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    rooms = [a_workspace() for _ in range(3)]
    for room in rooms:
        marketplace.preflight(addon.key, room)

    mortal_kafka.kill("kafka")
    began = time.monotonic()
    answers = [marketplace.ask(addon.key, room) for room in rooms]
    took = time.monotonic() - began
    waiting = [marketplace.show(answer.json()["id"]) for answer in answers]
    read = [marketplace.admin.send("GET", path.format(rooms[0])).status_code for path in READS]
    mortal_kafka.start("kafka")

    assert [answer.status_code for answer in answers] == [202] * 3
    assert took < 20  # nobody waits for the broker, who stays away for longer
    assert {(one["outcome"], one["state"]) for one in waiting} == {("pending", "REQUESTED")}
    assert read == [200] * 4
    for answer in answers:
        ended_well(marketplace, addon, answer.json()["id"])
    marketplace.settle()


@pytest.mark.slow
def test_kafka_killed_in_the_middle_of_installs_loses_none(
    marketplace: Marketplace, mortal_kafka: Stack, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=1)
    installations = [marketplace.request(addon.key, a_workspace()) for _ in range(5)]
    eventually(lambda: addon.calls("INSTALLED"), "a call")

    mortal_kafka.kill("kafka")
    mortal_kafka.start("kafka")

    addon.behave("ok")
    for installation in installations:
        ended_well(marketplace, addon, installation)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "hanging"])
def test_without_the_database_every_answer_is_503_and_a_repetition_tells(
    marketplace: Marketplace, killable: Stack, workspace: str, addon: SampleAddOn, how: str
) -> None:
    name = secrets.token_hex(16)
    marketplace.preflight(addon.key, workspace)
    marketplace.admin.log_in()

    if how == "killed":
        killable.kill("mongo")
    else:
        killable.pause("mongo")
    with ThreadPoolExecutor() as pool:  # each waits for the database for some seconds
        asking = pool.submit(marketplace.ask, addon.key, workspace, idempotency_key=name)
        read = list(pool.map(lambda path: marketplace.admin.send("GET", path.format(workspace)), READS))
    asked = asking.result()
    killable.resume("mongo")
    killable.start("mongo")

    told = {(answer.status_code, answer.json()["slug"]) for answer in (asked, *read)}
    assert told == {(503, "database-unavailable")}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in (asked, *read))
    again: httpx.Response = eventually(
        lambda: (answer := marketplace.ask(addon.key, workspace, idempotency_key=name)).status_code == 202 and answer,
        "the repetition",
    )
    ended_well(marketplace, addon, again.json()["id"])
    other = marketplace.ask(addon.key, workspace)
    assert (other.status_code, other.json()["installation"]["id"]) == (409, again.json()["id"])


@pytest.mark.slow
def test_the_database_killed_in_the_middle_of_installs_loses_none(
    marketplace: Marketplace, killable: Stack, a_workspace: Callable[[], str], addon: SampleAddOn
) -> None:
    addon.behave("slow", seconds=1)
    installations = [marketplace.request(addon.key, a_workspace()) for _ in range(5)]
    eventually(lambda: addon.calls("INSTALLED"), "a call")

    killable.kill("mongo")
    killable.start("mongo")

    addon.behave("ok")
    for installation in installations:
        ended_well(marketplace, addon, installation)


@pytest.mark.slow
def test_readiness_tells_that_the_database_is_gone_and_back_and_liveness_asks_for_no_restart(
    marketplace: Marketplace, killable: Stack
) -> None:
    def asked(path: str) -> list[tuple[int, bool]]:
        urls = [f"{killable.plan.url(f'{service}_internal')}/{path}" for service in SERVICES]
        answers = [httpx.get(url, trust_env=False) for url in urls]
        return [(one.status_code, one.json()["checks"].get("database", {}).get("ok", True)) for one in answers]

    killable.kill("mongo")
    eventually(lambda: asked("ready") == [(503, False)] * 4, "services that are not ready", 60)
    assert asked("live") == [(200, True)] * 4
    assert marketplace.admin.send("GET", READS[1]).json()["slug"] == "database-unavailable"
    killable.start("mongo")
    eventually(lambda: asked("ready") == [(200, True)] * 4, "services that are ready", 60)
