"""The compose file, .env.example, the Caddyfile and the local stack say what the settings say.

Containers are not started where these tests run, so this is what keeps them right.
"""

import copy
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.auth.settings import AuthSettings
from services.notifier.settings import NotifierSettings
from shared.plumbing.settings import PlatformSettings, load
from tests.meta.deployment import CLASSES, Deployment, differences

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
FILLED_IN = {"NOTIFIER_SMTP_HOST": "mail.example", "NOTIFIER_MAIL_FROM": "Souk <no-reply@souk.example>"}


def required(deployment: Deployment) -> dict[str, str]:
    """The variables without a default, filled in."""
    lines = (line.partition("=") for line in deployment.example.splitlines())
    return {name: value or FILLED_IN.get(name, KEY) for name, _, value in lines if name.isupper()}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment.read(tmp_path_factory.mktemp("stack"))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing is set."""
    for name in list(os.environ):
        if name.startswith(("SOUK_", "AUTH_", "CATALOG_", "INSTALLER_", "NOTIFIER_")):
            monkeypatch.delenv(name)
    return monkeypatch


def test_all_ways_of_running_say_the_same(deployment: Deployment) -> None:
    found = differences(deployment)

    assert found == [], "\n".join(found)


@pytest.mark.parametrize("name", CLASSES)
def test_the_defaults_in_the_example_are_those_of_the_code(
    deployment: Deployment, bare: pytest.MonkeyPatch, name: str
) -> None:
    """With the commented lines or without them, the settings are the same."""
    filled_in = required(deployment)
    for variable, value in filled_in.items():
        bare.setenv(variable, value)
    without = load(PlatformSettings, CLASSES[name])
    for variable, value in (deployment.documented | filled_in).items():
        bare.setenv(variable, value)

    assert load(PlatformSettings, CLASSES[name]) == without


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_for_the_samples_completes_the_settings(
    deployment: Deployment, bare: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in (required(deployment) | deployment.for_samples).items():
        bare.setenv(variable, value)

    _, settings = load(PlatformSettings, CLASSES[name])

    if isinstance(settings, AuthSettings):
        (provider,) = settings.providers
        assert provider.client_secret.get_secret_value() == "filled-in"
        assert provider.directory_token is not None


def test_without_the_samples_nobody_is_trusted_and_nothing_inside_is_called(
    deployment: Deployment, bare: pytest.MonkeyPatch
) -> None:
    for variable, value in required(deployment).items():
        bare.setenv(variable, value)

    platform, auth, notifier = load(PlatformSettings), load(AuthSettings), load(NotifierSettings)

    assert (platform.outgoing_allow, auth.providers, notifier.smtp_security) == (frozenset(), (), "starttls")
    given = deployment.environment("auth")
    assert (given["AUTH_PROVIDERS"], given["SOUK_OUTGOING_ALLOW"]) == (None, None)


@pytest.mark.parametrize("name", CLASSES)
def test_the_local_stack_gives_each_service_all_it_needs(
    deployment: Deployment, bare: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in deployment.local[name].items():
        bare.setenv(variable, value)

    platform, _ = load(PlatformSettings, CLASSES[name])

    assert platform.public_url == "http://localhost:8080"


def test_no_secret_of_the_local_stack_is_written_down_in_the_project(deployment: Deployment) -> None:
    kept = deployment.local["auth"]["AUTH_MASTER_KEY"]

    assert kept not in deployment.local_source
    assert kept not in str(deployment.compose)


Doctor = Callable[[Deployment], Deployment]


def compose(change: Callable[[dict[str, Any]], object]) -> Doctor:
    def doctor(it: Deployment) -> Deployment:
        changed = copy.deepcopy(it.compose)
        change(changed["services"])
        return replace(it, compose=changed)

    return doctor


def text(file: str, old: str, new: str) -> Doctor:
    def doctor(it: Deployment) -> Deployment:
        assert old in getattr(it, file)
        return replace(it, **{file: getattr(it, file).replace(old, new)})

    return doctor


def environment(container: str, name: str, value: object) -> Doctor:
    return compose(lambda services: services[container]["environment"].__setitem__(name, value))


@pytest.mark.parametrize(
    ("doctor", "told"),
    [
        (
            environment("auth", "AUTH_SESION_DAYS", 3),
            "auth in compose is given AUTH_SESION_DAYS, which it does not read",
        ),
        (
            compose(lambda services: services["catalog"]["environment"].pop("SOUK_LOG_LEVEL")),
            "catalog in compose is not given SOUK_LOG_LEVEL",
        ),
        (
            environment("notifier", "AUTH_MASTER_KEY", "x"),
            "notifier in compose is given AUTH_MASTER_KEY, which it does not read",
        ),
        (
            environment("installer", "INSTALLER_HTTP_PORT", 8113),
            "INSTALLER_HTTP_PORT is 8113 in compose, and 8103 in the settings",
        ),
        (
            compose(lambda services: services["auth"].update(command=["serve", "--role", "apis"])),
            "auth in compose has the role apis",
        ),
        (
            compose(lambda services: services["topics"].update(command=["make-topics"])),
            "topics in compose runs make-topics, which no command line knows",
        ),
        (
            compose(lambda services: services["auth"].update(healthcheck=services["catalog"]["healthcheck"])),
            "auth in compose is not asked for its health at http://127.0.0.1:9101/live",
        ),
        (
            compose(lambda services: services["installer"].update(ports=["8103:8103"])),
            "installer in compose cannot be scaled: it has ports",
        ),
        (
            environment("gateway", "WEB_ROOT", "/srv"),
            "compose gives the gateway WEB_ROOT, the Caddyfile does not read it",
        ),
        (
            text("caddyfile", "{$GATEWAY_BIND}", "{$BIND}"),
            "the Caddyfile reads BIND, the local stack does not give it",
        ),
        (
            text("example", "AUTH_UPSTREAMS=auth:8101", "AUTH_UPSTREAMS=auth:8109"),
            "the gateway finds auth not at auth:8101",
        ),
        (text("example", "# AUTH_LINK_HOURS=24\n", ""), ".env.example lacks AUTH_LINK_HOURS"),
        (
            text("example", "NOTIFIER_STREAMS=", "NOTIFIER_STREEMS="),
            ".env.example tells NOTIFIER_STREEMS, which no settings class has",
        ),
        (
            text("example", "AUTH_MASTER_KEY=", "AUTH_MASTER_KEY=x"),
            ".env.example gives AUTH_MASTER_KEY a value, and it is a secret",
        ),
        (
            text("example", "LOCAL_MAIL_PORT=8025", "LOCAL_MAIL_PORT=8026"),
            ".env.example says LOCAL_MAIL_PORT=8026, not 8025",
        ),
        (
            environment("addon", "SAMPLE_ADDON_URL", "x"),
            "compose gives the sample addon SAMPLE_ADDON_URL, which it does not read",
        ),
        (
            compose(lambda services: services["product"].pop("profiles")),
            "product in compose has the profiles [], not ['samples']",
        ),
        (
            compose(lambda services: services["mail"].update(ports=["8025:8025"])),
            "mail in compose is open to other machines at 8025:8025",
        ),
        (
            text("samples_env", "NOTIFIER_SMTP_HOST=mail", "NOTIFIER_SMTP_HOST=mailer"),
            "samples.env sends mails to mailer, which is not in compose",
        ),
        (
            text("samples_env", "NOTIFIER_SITE_SUPPORT_EMAIL=support@acme.example\n", ""),
            "samples.env has the support None, the local stack support@acme.example",
        ),
        (
            environment("product", "SAMPLE_PRODUCT_PUBLIC_URL", "http://product.localhost:8209"),
            "samples.env has the issuer http://product.localhost:8201, the product is http://product.localhost:8209",
        ),
        (
            text("samples_env", "ALLOW=addon:8301,", "ALLOW="),
            "samples.env allows calls to product.localhost:8201, the samples are at addon:8301,product.localhost:8201",
        ),
        (
            text("samples_env", "INSTALLER_API_URL", "INSTALLER_API_ADDRESS"),
            "samples.env tells INSTALLER_API_ADDRESS, which .env.example does not",
        ),
        (text("dockerfile", "services.$SERVICE", "service.$SERVICE"), "the Dockerfile does not run services.$SERVICE"),
        (text("local_source", "/ready", "/health"), "the local stack does not ask for /ready"),
        (text("local_source", "/live", "/health"), "the local stack does not ask for /live"),
    ],
)
def test_a_difference_is_seen(deployment: Deployment, doctor: Doctor, told: str) -> None:
    assert told in differences(doctor(deployment))


def test_what_the_dockerfile_copies_exists(deployment: Deployment) -> None:
    project = Path(__file__).parents[2]
    copied = [line.split()[1] for line in deployment.dockerfile.splitlines() if line.startswith("COPY ")]

    for source in copied:
        if not source.startswith("--from"):
            for service in CLASSES:
                assert (project / source.replace("${SERVICE}", service)).exists()
