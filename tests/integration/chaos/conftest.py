"""What runs of chaos need of pytest."""

import faulthandler

import pytest


@pytest.fixture(autouse=True)
def _patience() -> None:
    """A run takes minutes, more on a busy machine, and has limits of its own for each of its waits."""
    faulthandler.cancel_dump_traceback_later()
