import re

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from shared.plumbing.settings import PlatformSettings, ServiceSettings, load

COMPLETE = {
    "SOUK_PUBLIC_URL": "http://localhost:8080/",
    "SOUK_MONGO_URL": "mongodb://souk:hunter2@db/",
    "SOUK_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "SOUK_USERS_JWKS_URL": "http://auth:8101/.well-known/users.jwks.json",
}


class ShopSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")

    http_port: int = 8101
    internal_port: int = 9101
    mongo_database: str = "shop"
    sealing_key: SecretStr


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SOUK_LOG_LEVEL", "debug")
    environment.setenv("SOUK_OUTGOING_ALLOW", " 127.0.0.1:8301, Addon:8301 ,[::1]:80,")

    settings = load(PlatformSettings)

    assert settings.public_url == "http://localhost:8080"
    assert settings.log_level == "DEBUG"
    assert settings.outgoing_allow == {"127.0.0.1:8301", "addon:8301", "[::1]:80"}
    assert settings.topic_partitions == 6


def test_nothing_may_be_called_inside_by_default(environment: pytest.MonkeyPatch) -> None:
    assert load(PlatformSettings).outgoing_allow == frozenset()


def test_all_missing_and_invalid_variables_come_in_one_message_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMPLETE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOUK_PUBLIC_URL", "ftp://s3cret")
    monkeypatch.setenv("SOUK_TOPIC_PARTITIONS", "s3cret")
    monkeypatch.setenv("SOUK_OUTGOING_ALLOW", "s3cret")
    monkeypatch.setenv("SHOP_HTTP_PORT", "70000")

    with pytest.raises(SystemExit) as refused:
        load(PlatformSettings, ShopSettings)

    message = str(refused.value)
    assert re.findall(r"^  (\w+)", message, re.MULTILINE) == [
        "SOUK_PUBLIC_URL",
        "SOUK_MONGO_URL",
        "SOUK_KAFKA_BOOTSTRAP_SERVERS",
        "SOUK_USERS_JWKS_URL",
        "SOUK_OUTGOING_ALLOW",
        "SOUK_TOPIC_PARTITIONS",
        "SHOP_SEALING_KEY",
    ]
    assert "SOUK_MONGO_URL is missing" in message
    assert "s3cret" not in message
    assert refused.value.__suppress_context__


def test_an_empty_variable_counts_as_missing(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SHOP_SEALING_KEY", "")
    with pytest.raises(SystemExit, match="SHOP_SEALING_KEY is missing"):
        load(PlatformSettings, ShopSettings)


def test_two_classes_load_together(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SHOP_SEALING_KEY", "k3y")
    platform, shop = load(PlatformSettings, ShopSettings)
    assert platform.kafka_bootstrap_servers == "kafka:9092"
    assert (shop.http_host, shop.http_port, shop.mongo_database) == ("127.0.0.1", 8101, "shop")


def test_passwords_are_not_printed(environment: pytest.MonkeyPatch) -> None:
    settings = load(PlatformSettings)
    assert "hunter2" not in f"{settings!r} {settings}"
    assert settings.mongo_url.get_secret_value() == "mongodb://souk:hunter2@db/"


def test_settings_never_change(environment: pytest.MonkeyPatch) -> None:
    settings = load(PlatformSettings)
    with pytest.raises(ValidationError):
        settings.public_url = "http://elsewhere"  # type: ignore[misc]  # that is the point
