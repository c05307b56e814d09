"""Fixtures of the notifier's integration tests."""

from collections.abc import AsyncIterator

import pytest

from shared.plumbing.mongo import Database
from tests.integration.notifier.mailbox import MailBox
from tests.integration.notifier.parts import Notifier, notifier
from tests.integration.notifier.streaming import served


@pytest.fixture
async def mailbox() -> AsyncIterator[MailBox]:
    """A mail server that takes everything."""
    box = MailBox()
    await box.start()
    yield box
    await box.stop()


@pytest.fixture
async def souk(database: Database, mongo_url: str, mailbox: MailBox) -> AsyncIterator[Notifier]:
    """A notifier that works."""
    async with notifier(database, mongo_url, mailbox) as running:
        yield running


@pytest.fixture
async def base(souk: Notifier) -> AsyncIterator[str]:
    """Where the notifier of this test listens."""
    async with served(souk.service.api) as address:
        yield address
        souk.service.stopping[0]()
