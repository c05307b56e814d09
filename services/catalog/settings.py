"""Settings of the catalog; the variables are CATALOG_<FIELD>."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.plumbing.settings import Port, ServiceSettings


class CatalogSettings(ServiceSettings):
    """Ports, database and the fetching of manifests."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    http_port: Port = 8102
    internal_port: Port = 9102
    mongo_database: str = "souk_catalog"
    # A publisher waits for this; 10 s is what an idle function host needs to wake up.
    manifest_deadline_seconds: float = Field(default=10.0, gt=0, le=60)
    # A visitor's browser waits for this, once an hour for each add-on whose picture is slow.
    icon_deadline_seconds: float = Field(default=5.0, gt=0, le=60)
    # Limits hold per process. Publishing runs outgoing calls, so it is bounded per publisher.
    publishes_per_minute: int = Field(default=30, ge=1)
    # Looking around without an account, per network (IPv4 address, IPv6 /64).
    visits_per_minute: int = Field(default=1200, ge=1)
