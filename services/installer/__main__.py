"""`python -m services.installer COMMAND`."""

import argparse
import sys

from services.installer.main import build
from services.installer.saga.transitions import diagram
from services.installer.settings import InstallerSettings
from services.installer.storage.queries import InstallationQueries
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.cli import run
from shared.plumbing.service import Service
from shared.plumbing.settings import PlatformSettings, load


async def _stranded(service: Service, _: argparse.Namespace) -> None:
    database = service.client[service.settings.mongo_database]
    found = await InstallationQueries(database, service.clock).stranded(thorough=True)
    sys.stdout.write("".join(f"{installation_id} {state}\n" for installation_id, state in found.items()))


if __name__ == "__main__":
    if sys.argv[1:] == ["diagram"]:
        sys.stdout.write(diagram())
    else:
        run(
            lambda: build(*load(PlatformSettings, InstallerSettings)),
            ALL_TOPICS,
            commands=[
                ("stranded", "list installations that nobody would look at again (there must be none)", (), _stranded)
            ],
        )
