"""Settings come from the environment only, are read once in `main`, and never change afterwards.

`deploy/.env.example` is their documentation. No secret has a default; an empty variable counts as missing.
"""

from typing import Annotated, Literal, TypeVar, overload

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from shared.plumbing.sealing import Sealer

_MAX_PORT = 65_535


def _without_end_slash(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url.rstrip("/")


def _split_by_comma(value: object) -> object:
    return [part.strip().lower() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= _MAX_PORT:
        raise ValueError("each entry must be host:port")
    return value


def _sealing_key(value: SecretStr) -> SecretStr:
    Sealer(value.get_secret_value())  # raises ValueError without quoting it
    return value


Url = Annotated[str, AfterValidator(_without_end_slash)]
Port = Annotated[int, Field(gt=0, le=_MAX_PORT)]
HostPort = Annotated[str, AfterValidator(_host_and_port)]
# Base64 of 32 bytes. Several, comma separated, while one is replaced: the first seals, all of them open.
SealingKey = Annotated[SecretStr, AfterValidator(_sealing_key)]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


class Settings(BaseSettings):
    """Frozen; an error message shows no given value, because it could be a secret."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, hide_input_in_errors=True, extra="forbid")


class PlatformSettings(Settings):
    """What all services share."""

    model_config = SettingsConfigDict(env_prefix="SOUK_")

    # The one origin that browsers, add-ons and mails see: the gateway.
    public_url: Url
    # May hold a password.
    mongo_url: SecretStr
    kafka_bootstrap_servers: str
    # Operator's choice and usually an inner address, so the outgoing address check does not apply to it.
    users_jwks_url: Url
    log_level: LogLevel = "INFO"
    log_format: Literal["json", "console"] = "json"
    # Private addresses that outgoing calls may reach, as host:port, comma separated. For development and samples.
    outgoing_allow: Annotated[frozenset[HostPort], NoDecode, BeforeValidator(_split_by_comma)] = frozenset()
    # Where an OpenTelemetry collector takes OTLP over HTTP, as in http://collector:4318. Without it nothing is traced.
    otlp_endpoint: Url | None = None
    # Never changes within a version of a topic: keys would move to other partitions.
    topic_partitions: int = Field(default=6, gt=0, le=1000)
    # 1 suits a single broker; a cluster wants 3 (with min.insync.replicas 2).
    topic_replication: int = Field(default=1, gt=0, le=9)


class ServiceSettings(Settings):
    """Subclasses set `env_prefix`, their own default ports and database, and add their own fields."""

    http_host: str = "127.0.0.1"
    http_port: Port
    # Health and metrics: another port, which the gateway never routes.
    internal_host: str = "127.0.0.1"
    internal_port: Port
    mongo_database: str = Field(min_length=1)


A = TypeVar("A", bound=Settings)
B = TypeVar("B", bound=Settings)


@overload
def load(first: type[A], /) -> A: ...
@overload
def load(first: type[A], second: type[B], /) -> tuple[A, B]: ...
def load(*classes: type[Settings]) -> Settings | tuple[Settings, ...]:
    """Read settings from the environment.

    Raises SystemExit with every missing or invalid variable of all classes in one message: names and rules, no values.
    """
    loaded: list[Settings] = []
    faults: list[str] = []
    for cls in classes:
        try:
            loaded.append(cls())
        except ValidationError as error:
            faults += [_fault(cls, [str(part) for part in e["loc"]], e["type"], e["msg"]) for e in error.errors()]
        except SettingsError as error:  # a list or object that is not JSON; its text names the field only
            faults.append(str(error))
    if faults:
        # `from None`: the chained error would print what was given.
        raise SystemExit("The settings are not complete:\n" + "\n".join(f"  {fault}" for fault in faults)) from None
    return loaded[0] if len(loaded) == 1 else tuple(loaded)


def _fault(cls: type[Settings], loc: list[str], kind: str, message: str) -> str:
    variable = (cls.model_config.get("env_prefix") or "").upper() + (loc[0].upper() if loc else "")
    return f"{variable} is missing" if kind == "missing" else f"{variable}: {message}"
