from pathlib import Path

import pytest

from deploy.local.applications import service_env
from deploy.local.broker import Broker, Engine
from deploy.local.plan import Plan


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan.make(tmp_path, Broker(Engine.APACHE, ""))


def env_of(plan: Plan, service: str) -> dict[str, str]:
    return service_env(plan, next(it for it in plan.processes if it.service == service))


def test_one_address_may_do_more_on_a_local_stack(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTH_NETWORK_REQUESTS_PER_MINUTE", raising=False)

    assert env_of(plan, "auth")["AUTH_NETWORK_REQUESTS_PER_MINUTE"] == "10000"


def test_s18_pages_of_a_local_stack_lead_to_support(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFIER_SITE_SUPPORT_EMAIL", raising=False)

    assert env_of(plan, "notifier")["NOTIFIER_SITE_SUPPORT_EMAIL"] == "support@acme.example"


@pytest.mark.parametrize(
    ("name", "own"), [("NOTIFIER_NOTICE_AFTER_SECONDS", "30"), ("NOTIFIER_SITE_SUPPORT_EMAIL", "help@mine.example")]
)
def test_the_environment_wins_over_the_defaults_of_a_local_stack(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, name: str, own: str
) -> None:
    monkeypatch.setenv(name, own)

    assert env_of(plan, "notifier")[name] == own


def test_nobody_gets_the_secrets_of_another(plan: Plan) -> None:
    assert "INSTALLER_MASTER_KEY" not in env_of(plan, "notifier")
    assert "AUTH_MASTER_KEY" not in env_of(plan, "installer")
