"""Settings of the installer. `deploy/.env.example` documents them for operators."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode, SettingsConfigDict

from shared.plumbing.settings import Port, ServiceSettings, Url


def _seconds(value: object) -> object:
    """A bare number is seconds; anything else is left to the ISO 8601 reading."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _rests(schedule: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if not schedule[-1]:
        raise ValueError("the last pause repeats, so it must not be 0")
    return schedule


Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(ge=timedelta(0), le=timedelta(days=3650))]
# Where 0 would mean never, or without a pause.
Some = Annotated[Duration, Field(gt=timedelta(0))]
Schedule = Annotated[
    tuple[Duration, ...], NoDecode, BeforeValidator(_listed), Field(min_length=1), AfterValidator(_rests)
]


def _schedule(*seconds: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=one) for one in seconds)


class InstallerSettings(ServiceSettings):
    """Durations are given in seconds or as ISO 8601 (`PT15M`), schedules as lists of them with commas."""

    model_config = SettingsConfigDict(env_prefix="INSTALLER_")

    http_port: Port = 8103
    internal_port: Port = 9103
    mongo_database: str = "souk_installer"

    # Seals private keys and webhook secrets at rest: 32 bytes, base64.
    master_key: SecretStr
    # Add-ons check for the issuer they expect; those written for the platform expect "clockify".
    token_issuer: str = "clockify"  # noqa: S105 - a name, no secret

    # Where add-ons call us: `apiUrl` and `backendUrl` of the wire contract. The default is /addon-api of the gateway.
    api_url: Url | None = None
    backend_url: Url | None = None
    # By data region, where it differs, as JSON: {"eu": {"api_url": "https://...", "backend_url": "https://..."}}
    region_urls: dict[str, dict[Literal["api_url", "backend_url"], Url]] = Field(default_factory=dict)

    # Requests, cancels, retries and uninstalls of one person, per process: on average; for once ten times as many.
    changes_per_minute: int = Field(default=60, ge=1)

    # --- how long an outcome may take --------------------------------------------------------------------------
    # The first question to auth cannot be sent while Kafka is away; that long a request is kept.
    request_deadline: Some = timedelta(hours=24)
    # Checking and delivering together; restarts when waiting ends.
    install_deadline: Some = timedelta(minutes=15)
    # Waiting for an add-on that is down, from its first beginning. Below the life of a lifecycle token, as below.
    waiting_deadline: Some = Field(default=timedelta(days=7), le=timedelta(days=7))
    # A waiting installation is woken when the add-on is back; this often it looks by itself.
    waiting_look: Some = timedelta(minutes=5)
    # Auth is asked again after this long without an answer.
    reask_after: Some = timedelta(seconds=30)
    # An answer older than this does not count any more when waiting ends.
    recheck_after: Duration = timedelta(minutes=10)

    # --- calling add-ons ---------------------------------------------------------------------------------------
    # One attempt, from the first byte to the end of the answer.
    call_deadline: Some = timedelta(seconds=15)
    # A killed process's calls are taken over after this long. Renewed every third of it.
    lease: Some = timedelta(seconds=6)
    # Pauses before the attempts of a call, each ±20 %; the last one repeats until the deadline.
    retry_schedule: Schedule = _schedule(0, 2, 10, 30, 120, 600)
    # The same for DELETED, which has days.
    cleanup_schedule: Schedule = _schedule(0, 2, 10, 30, 120, 600, 3600, 14400)
    # Below the life of a lifecycle token (8 days): every attempt carries the same one.
    cleanup_deadline: Some = Field(default=timedelta(days=5), le=timedelta(days=7))
    # Once the next installation waits for it, clean-up has only this long.
    superseded_deadline: Duration = timedelta(minutes=10)
    # Calls at once, per process: to one add-on and in all, for INSTALLED and for DELETED apart. An add-on that
    # hangs fills its own slots only; 600 calls a second of 100 ms need 60.
    slots_per_addon: int = Field(default=100, gt=0)
    slots: int = Field(default=500, gt=0)
    cleanup_slots_per_addon: int = Field(default=10, gt=0)
    cleanup_slots: int = Field(default=100, gt=0)
    # How often due work is looked for.
    poll_interval: Some = timedelta(milliseconds=500)

    # --- the breaker of each add-on ----------------------------------------------------------------------------
    breaker_failures: int = Field(default=3, gt=0)
    breaker_span: Duration = timedelta(seconds=5)
    breaker_percent: int = Field(default=50, gt=0, le=100)
    breaker_calls: int = Field(default=20, gt=0)
    breaker_window: Some = timedelta(seconds=60)
    # While open, one call (or a GET of the manifest, with no call due) is tried: first after this long,
    breaker_first_probe: Some = timedelta(seconds=10)
    # then after twice as long each time, up to this.
    breaker_probe_interval: Some = timedelta(seconds=60)
    # Only records what it would do.
    breaker_dry_run: bool = False

    # Timeline entries that no longer fit into the document are kept this long.
    history_retention: Some = timedelta(days=90)
    # Each attempt of a call to an add-on, with the beginning of its answer, is kept this long.
    delivery_retention: Some = timedelta(days=30)
