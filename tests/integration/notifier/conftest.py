"""Fixtures of the notifier's integration tests."""

from collections.abc import AsyncIterator

import pytest

from shared.plumbing.mongo import Database
from tests.integration.notifier.parts import MailBox, Notifier, notifier


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
