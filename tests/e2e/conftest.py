"""One whole stack for all end-to-end tests: free ports, a folder of its own, and quick timings.

It ends with the last of these tests, because the threads that watch it disturb hypothesis.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from deploy.local import ports
from deploy.local.broker import Engine, choose
from deploy.local.stack import Stack
from tests.browser import chromium, nobodys
from tests.e2e.marketplace import Marketplace, SampleAddOn
from tests.e2e.people import Caller
from tests.e2e.publisher_site import Site, publisher_site, says
from tests.e2e.topics import Topics
from tests.e2e.visitor import Visitor
from tests.openid_provider import OpenIdProvider, running

# What takes a minute in production takes a second or two here. Limits against abuse are not what is tried here,
# and all tests come from one address.
QUICK = {
    "AUTH_PASSWORD_MEMORY_KIB": "8192",
    "AUTH_PASSWORD_PASSES": "1",
    "AUTH_ACCESS_TOKEN_SECONDS": "90",
    "AUTH_NETWORK_REQUESTS_PER_MINUTE": "100000",
    "AUTH_LOG_INS_PER_MINUTE": "1000",
    "AUTH_CODES_PER_HOUR": "1000",
    "AUTH_MAILS_PER_HOUR": "1000",
    "AUTH_REFRESHES_PER_MINUTE": "1000",
    "AUTH_WORKSPACES_PER_HOUR": "1000",
    "AUTH_INVITES_PER_HOUR": "1000",
    "AUTH_CHANGES_PER_HOUR": "10000",
    "CATALOG_MANIFEST_DEADLINE_SECONDS": "5",
    "CATALOG_PUBLISHES_PER_MINUTE": "10000",
    "CATALOG_VISITS_PER_MINUTE": "100000",
    "INSTALLER_CHANGES_PER_MINUTE": "10000",
    "INSTALLER_CALL_DEADLINE": "4",
    "INSTALLER_RETRY_SCHEDULE": "0,0.5,1,2,5",
    "INSTALLER_CLEANUP_SCHEDULE": "0,0.5,1,2,5",
    "INSTALLER_REASK_AFTER": "5",
    "INSTALLER_WAITING_LOOK": "5",
    "INSTALLER_BREAKER_SPAN": "1",
    "INSTALLER_BREAKER_FIRST_PROBE": "2",
    "INSTALLER_BREAKER_PROBE_INTERVAL": "3",
    "NOTIFIER_NOTICE_AFTER_SECONDS": "1",
    "NOTIFIER_CLEAR_AFTER_SECONDS": "1",
    "NOTIFIER_DIGEST_WAIT_SECONDS": "0.3",
    "NOTIFIER_DIGEST_EVERY_SECONDS": "1",
    "NOTIFIER_FEEDBACK_PER_HOUR": "60",
    "NOTIFIER_SITE_PRODUCT_NAME": "Souk of tests",
    "NOTIFIER_SITE_SUPPORT_URL": "https://support.example/help",
}

SPANS = "/v1/traces"  # where a collector takes them


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """Servers of others, in one: a publisher's, which the stack may call though its address is private, a collector."""
    with publisher_site() as served:
        yield served


@pytest.fixture(scope="package")
def providers() -> dict[str, OpenIdProvider]:
    """OpenID providers that the stack knows; each runs when a test asks for it."""
    port = ports.free(["globe", "island"])
    return {
        "globe": OpenIdProvider(
            "globe",
            port["globe"],
            settings={
                "product": "globe",
                "trusted_email": True,
                "region": "ca",  # the sample product has the usual ones
                "regions": ["nz"],
                "addresses": ["globe.example", "*.globe.example"],
                "second_factor_amr": ["mfa"],
                "directory_token": "globe-directory-token",
            },
        ),
        "island": OpenIdProvider(
            "island",
            port["island"],
            create=False,
            settings={
                "region": "is",
                "addresses": ["127.0.0.1"],
                "registration_url": f"http://127.0.0.1:{port['island']}/register?back={{back}}",
            },
        ),
    }


@pytest.fixture(scope="package")
def stack(run_folder: Path, site: Site, providers: dict[str, OpenIdProvider]) -> Iterator[Stack]:
    """All parts, with two notifiers behind the gateway."""
    broker = choose(os.environ.get("LOCAL_KAFKA", "auto"))
    made = Stack.create(
        run_folder / f"e2e-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}",
        kafka=broker,
        free_ports=True,
        # On the embedded broker a group whose two members join at once may never finish its rebalance.
        replicas={} if broker.engine is Engine.EMBEDDED else {"notifier": 2},
        env=dict(QUICK),
    )
    samples = [made.plan.ports["product"], made.plan.ports["addon"]]
    allowed = [f"{host}:{port}" for port in samples for host in ("localhost", "127.0.0.1")]
    others = [address.removeprefix("http://") for address in (site.url, *(one.issuer for one in providers.values()))]
    made.plan.env["SOUK_OUTGOING_ALLOW"] = ",".join([*allowed, *others])
    known = json.loads(made.service_env("auth")["AUTH_PROVIDERS"])
    made.plan.env.update({"SOUK_OTLP_ENDPOINT": site.url, "OTEL_BSP_SCHEDULE_DELAY": "500"})
    site.pages[SPANS] = says(200, b"", "application/x-protobuf")
    made.plan.env["AUTH_PROVIDERS"] = json.dumps([*known, *(one.configured for one in providers.values())])
    try:
        made.start()
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="package")
def topics(stack: Stack) -> Iterator[Topics]:
    """An independent consumer of every topic."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # Kafka is away on purpose, and says so many times
    with Topics(stack.plan.kafka) as watching:
        yield watching


@pytest.fixture(scope="package")
def marketplace(stack: Stack, topics: Topics, site: Site) -> Iterator[Marketplace]:
    """The stack with its people: a publisher, an operator, an admin."""
    made = Marketplace(stack, topics, site)
    made.open_accounts()
    yield made
    made.close()


@pytest.fixture(scope="package")
def globe(stack: Stack, providers: dict[str, OpenIdProvider]) -> Iterator[OpenIdProvider]:
    """A provider whose word on addresses counts, and which offers a sign-up."""
    with running(providers["globe"], stack.plan.public_url) as started:
        yield started


@pytest.fixture(scope="package")
def island(stack: Stack, providers: dict[str, OpenIdProvider]) -> Iterator[OpenIdProvider]:
    """A provider whose word on addresses does not count."""
    with running(providers["island"], stack.plan.public_url) as started:
        yield started


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Starting one takes longer than most of what is done with it. No test here may be asynchronous, for its sake."""
    with chromium() as started:
        yield started


@pytest.fixture
def visitor(marketplace: Marketplace, browser: Browser) -> Iterator[Visitor]:
    """Somebody new, with a browser."""
    with nobodys(browser) as context:
        yield Visitor(context, marketplace.url)


@pytest.fixture
def owner(marketplace: Marketplace) -> Caller:
    """Somebody new with an account, and no workspace yet."""
    return marketplace.customer("Ivy")


@pytest.fixture(scope="package")
def mallory(marketplace: Marketplace) -> Caller:
    """Somebody with an account, a publisher even, and no good intentions."""
    person = marketplace.customer("Mallory")
    marketplace.make_publisher(person)
    return person


@pytest.fixture(scope="package", autouse=True)
def first_token(marketplace: Marketplace) -> str:
    """An access token from the beginning of the run."""
    return marketplace.admin.token


@pytest.fixture
def a_workspace(marketplace: Marketplace) -> Callable[[], str]:
    """Makes fresh workspaces of the admin's."""
    return marketplace.workspace


@pytest.fixture
def workspace(marketplace: Marketplace) -> str:
    """A fresh workspace of the admin's."""
    return marketplace.workspace()


@pytest.fixture
def an_addon(marketplace: Marketplace) -> Iterator[Callable[[], SampleAddOn]]:
    """Makes fresh published add-ons; all of them behave well again afterwards."""
    made: list[SampleAddOn] = []

    def make() -> SampleAddOn:
        made.append(marketplace.addon())
        return made[-1]

    yield make
    for one in made:
        one.behave("ok")


@pytest.fixture
def addon(an_addon: Callable[[], SampleAddOn]) -> SampleAddOn:
    """A fresh published add-on."""
    return an_addon()


@pytest.fixture
def killable(stack: Stack) -> Iterator[Stack]:
    """The stack, whole again afterwards whatever a test has done to it."""
    if stack.plan.broker.engine is Engine.EMBEDDED:
        pytest.skip("needs Apache Kafka: a group whose member is killed stays stuck on the embedded one")
    yield stack
    stack.resume()
    stack.start()
