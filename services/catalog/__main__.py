"""`python -m services.catalog COMMAND`."""

from services.catalog.main import build
from services.catalog.settings import CatalogSettings
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.cli import run
from shared.plumbing.settings import PlatformSettings, load

if __name__ == "__main__":
    run(lambda: build(*load(PlatformSettings, CatalogSettings)), ALL_TOPICS)
