"""One attempt over a real connection: the last moment at which it may leave."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from services.installer.addons.keys import AddOnKeys, AddOnSecrets
from services.installer.delivery.caller import Caller
from services.installer.domain import Call, Kind
from services.installer.saga.inputs import Answer, Result
from shared.contracts.reasons import Side
from shared.plumbing.keys import SigningKey
from shared.plumbing.outgoing import OutgoingClient
from tests.unit.installer.test_calls import INSTALLATION, KEY, NOW, SECRET, SIGNER
from tests.unit.plumbing.outgoing.servers import Server


class OneKey(AddOnKeys):
    def __init__(self) -> None:
        """Needs no database."""

    async def signing_key(self, kid: str) -> SigningKey:
        return KEY

    async def assigned(self, addon_keys: Iterable[str]) -> dict[str, AddOnSecrets]:
        return {key: AddOnSecrets(KEY.kid, (SECRET,)) for key in addon_keys}


class Noon:
    def now(self) -> datetime:
        return NOW


async def attempt(send_by: float) -> tuple[Answer, int]:
    """An attempt at an add-on that answers 200: its end, and how many requests the add-on saw."""
    addon = Server()
    listening = await asyncio.start_server(addon.handle, "127.0.0.1", 0)
    place = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    client = OutgoingClient(frozenset({place}), user_agent="tests")
    assert INSTALLATION.snapshot is not None
    one = replace(
        INSTALLATION,
        call=Call(Kind.INSTALLED, 1, created_at=NOW),
        snapshot=replace(INSTALLATION.snapshot, base_url=f"http://{place}"),
    )
    try:
        caller = Caller(client, SIGNER, OneKey(), Noon(), deadline=timedelta(seconds=5))
        return await caller.call(one, send_by), len(addon.requests)
    finally:
        await client.close()
        listening.close()


async def test_before_the_end_of_its_lease_it_leaves() -> None:
    answer, requests = await attempt(time.monotonic() + 5)

    assert (answer.result, answer.status, requests) == (Result.OK, 200, 1)


async def test_after_it_nothing_leaves_because_somebody_else_may_be_sending_it() -> None:
    answer, requests = await attempt(time.monotonic() - 0.001)

    assert (answer.result, answer.side, answer.text, requests) == (Result.NOT_SEEN, Side.US, "held-back", 0)
