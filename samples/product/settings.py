"""Settings of the sample product, read once from the environment (prefix SAMPLE_PRODUCT_)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

PREFIX = "SAMPLE_PRODUCT_"


@dataclass(frozen=True)
class Settings:
    host: str
    port: int
    public_url: str
    souk_url: str
    souk_public_url: str
    provider_id: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    directory_token: str = field(repr=False)
    data_dir: Path
    users: str = field(repr=False)

    @property
    def directory_url(self) -> str:
        return f"{self.souk_url}/api/auth/v1/directory/{self.provider_id}/workspaces"

    @property
    def addons_url(self) -> str:
        """Where a visitor of ours finds add-ons. Naming us as the issuer logs them in there without a form."""
        return f"{self.souk_public_url}/?{urlencode({'iss': self.public_url})}"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises ValueError, naming what is missing."""
        secrets = ("CLIENT_SECRET", "DIRECTORY_TOKEN")
        missing = [PREFIX + name for name in secrets if not env.get(PREFIX + name)]
        if missing:
            raise ValueError(f"needed, and without a default: {', '.join(missing)}")

        def read(name: str, default: str) -> str:
            return env.get(PREFIX + name) or default

        port = int(read("PORT", "8201"))
        souk_url = read("SOUK_URL", "http://localhost:8080").rstrip("/")
        souk_public_url = read("SOUK_PUBLIC_URL", souk_url).rstrip("/")
        provider_id = read("PROVIDER_ID", "acme")
        return cls(
            host=read("HOST", "127.0.0.1"),
            port=port,
            public_url=read("PUBLIC_URL", f"http://localhost:{port}").rstrip("/"),
            souk_url=souk_url,
            souk_public_url=souk_public_url,
            provider_id=provider_id,
            client_id=read("CLIENT_ID", "souk"),
            client_secret=env[PREFIX + "CLIENT_SECRET"],
            redirect_uri=read("REDIRECT_URI", f"{souk_public_url}/login/callback/{provider_id}"),
            directory_token=env[PREFIX + "DIRECTORY_TOKEN"],
            data_dir=Path(read("DATA_DIR", "var/sample-product")),
            users=read("USERS", ""),
        )
