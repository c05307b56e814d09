"""`python -m services.notifier COMMAND`."""

from services.notifier.main import build
from services.notifier.settings import NotifierSettings
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.cli import run
from shared.plumbing.settings import PlatformSettings, load

if __name__ == "__main__":
    run(lambda: build(*load(PlatformSettings, NotifierSettings)), ALL_TOPICS)
