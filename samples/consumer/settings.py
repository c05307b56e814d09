"""Settings of the sample consumer, read once from the environment (prefix SAMPLE_CONSUMER_)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self


@dataclass(frozen=True)
class Settings:
    source: Literal["kafka", "feed"]
    kafka: str
    topic: str
    marketplace_url: str
    token: str = field(repr=False)
    database: Path
    once: bool
    """End when all that there was at the beginning is stored."""
    die_at: str
    """`<point>:<time>`: kill itself there, as tests want it; see `points.py`."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises ValueError for a source that there is not."""

        def read(name: str, default: str) -> str:
            return env.get(f"SAMPLE_CONSUMER_{name}") or default

        source = read("SOURCE", "feed")
        if source not in ("kafka", "feed"):
            raise ValueError("SAMPLE_CONSUMER_SOURCE is kafka or feed")
        return cls(
            source="kafka" if source == "kafka" else "feed",
            kafka=read("KAFKA", "127.0.0.1:9092"),
            topic=read("TOPIC", "installer.installations.v1"),
            marketplace_url=read("MARKETPLACE_URL", "http://localhost:8080").rstrip("/"),
            token=read("TOKEN", ""),
            database=Path(read("DATABASE", "var/sample-consumer.sqlite")),
            once=read("ONCE", "") == "1",
            die_at=read("DIE_AT", ""),
        )
