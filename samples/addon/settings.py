"""Settings of the sample add-on, read once from the environment (prefix SAMPLE_ADDON_)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Settings:
    host: str
    port: int
    control_port: int
    public_url: str
    marketplace_url: str
    expected_issuer: str
    key: str
    data_dir: Path
    control_token: str = field(repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        def read(name: str, default: str) -> str:
            return env.get(f"SAMPLE_ADDON_{name}") or default

        port = int(read("PORT", "8301"))
        return cls(
            host=read("HOST", "127.0.0.1"),
            port=port,
            control_port=int(read("CONTROL_PORT", "8302")),
            public_url=read("PUBLIC_URL", f"http://localhost:{port}").rstrip("/"),
            marketplace_url=read("MARKETPLACE_URL", "http://localhost:8080").rstrip("/"),
            expected_issuer=read("EXPECTED_ISSUER", "clockify"),
            key=read("KEY", "souk-sample"),
            data_dir=Path(read("DATA_DIR", "var/sample-addon")),
            control_token=read("CONTROL_TOKEN", ""),  # empty: the control port asks for none
        )
