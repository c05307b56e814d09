"""The installer's signing keys, in a real database."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import sentinel

import httpx
import pymongo
import pytest
from fastapi import FastAPI
from pymongo.errors import ConnectionFailure

from services.installer.addons import keys as keys_module
from services.installer.addons.keys import AddOnKeys, UnknownKeyError
from services.installer.addons.keys_api import router
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.mongo import Database, connect
from shared.plumbing.sealing import Sealer

MASTER_KEY = base64.b64encode(b"m" * 32).decode()
OTHER_KEY = base64.b64encode(b"o" * 32).decode()

NO_ACCESS = sentinel.access  # the well-known routes ask nobody


@asynccontextmanager
async def away() -> AsyncIterator[Database]:
    """A database that cannot be reached."""
    client = connect("mongodb://127.0.0.1:1/?replicaSet=rs0", app_name="tests")
    try:
        yield client["gone"]
    finally:
        await client.close()


def keys_in(database: Database, clock: DatabaseClock, master_key: str = MASTER_KEY) -> AddOnKeys:
    return AddOnKeys(database, Sealer(master_key), clock)


async def test_processes_that_start_together_agree_on_one_key(database: Database, clock: DatabaseClock) -> None:
    processes = [keys_in(database, clock) for _ in range(3)]
    await asyncio.gather(*(process.prepare() for process in processes))
    assert await database["signing_keys"].count_documents({}) == 1
    assert len({process.jwks()["keys"][0]["n"] for process in processes}) == 1


async def test_the_private_key_rests_sealed(database: Database, clock: DatabaseClock) -> None:
    await keys_in(database, clock).prepare()
    document = await database["signing_keys"].find_one({})
    assert document is not None
    assert document["private"].startswith("stored:v1:")
    assert "PRIVATE" not in str(document)


async def test_another_master_key_is_told_so(database: Database, clock: DatabaseClock) -> None:
    await keys_in(database, clock).prepare()
    with pytest.raises(RuntimeError, match="INSTALLER_MASTER_KEY does not open the stored signing keys"):
        await keys_in(database, clock, OTHER_KEY).prepare()


async def test_an_add_on_keeps_its_key_when_the_default_changes(database: Database, clock: DatabaseClock) -> None:
    keys = keys_in(database, clock)
    await keys.prepare()
    before = (await keys.assigned(["timer"]))["timer"]
    second = await keys.add()
    other = keys_in(database, clock)
    await other.prepare()
    assert (await other.assigned(["timer", "newer"]))["timer"] == before
    assert (await other.assigned(["newer"]))["newer"].kid == second
    assert [key["kid"] for key in other.jwks()["keys"]] == [second, before.kid]
    assert await other.pem("timer") == (await keys.signing_key(before.kid)).public_pem()
    assert await other.pem() == await other.pem("never-installed") == (await keys.signing_key(second)).public_pem()


async def test_each_add_on_has_a_webhook_secret_of_its_own_that_rests_sealed(
    database: Database, clock: DatabaseClock
) -> None:
    first, second = keys_in(database, clock), keys_in(database, clock)
    await first.prepare()
    await second.prepare()
    both = await asyncio.gather(first.assigned(["a", "b"]), second.assigned(["a", "b"]))
    assert both[0] == both[1]
    secret = both[0]["a"].webhook_secrets[0]
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != both[0]["b"].webhook_secrets[0]
    assert secret not in str(await database["addon_keys"].find().to_list())


async def test_without_the_database_the_public_keys_are_those_in_memory(
    database: Database, clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = keys_in(database, clock)
    await keys.prepare()
    own = (await keys.assigned(["timer"]))["timer"].kid
    default = await keys.add()
    async with away() as gone:
        monkeypatch.setattr(keys, "_keys", gone["signing_keys"])
        monkeypatch.setattr(keys, "_addons", gone["addon_keys"])
        monkeypatch.setattr(keys_module, "_REREAD_SECONDS", 0.0)
        monkeypatch.setattr(keys_module, "_ASSIGNMENT_SECONDS", 0.0)
        api = FastAPI()
        api.include_router(router(keys, NO_ACCESS))
        begun = time.monotonic()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://souk") as client:
            jwks = await client.get("/.well-known/souk/addons.jwks.json")
            pem = await client.get("/.well-known/souk/addons.pem")
            pem_of_addon = await client.get("/.well-known/souk/addons.pem", params={"addon": "timer"})
        assert time.monotonic() - begun < 5, "a second each, not the six that the driver looks for a server"
        assert [key["kid"] for key in jwks.json()["keys"]] == [default, own]
        assert pem.text == (await keys.signing_key(default)).public_pem()
        assert pem_of_addon.text == (await keys.signing_key(own)).public_pem()
        with pytest.raises(ConnectionFailure), pymongo.timeout(0.2):
            await keys.pem("of-another-process")  # the default might be the wrong one, which verifies nothing


async def test_a_key_made_by_another_process_is_found_when_it_is_needed(
    database: Database, clock: DatabaseClock
) -> None:
    first, second = keys_in(database, clock), keys_in(database, clock)
    await first.prepare()
    await second.prepare()
    kid = await first.add()
    assert second.public_key(kid) is None
    assert (await second.signing_key(kid)).kid == kid
    assert second.public_key(kid) is not None
    with pytest.raises(UnknownKeyError):
        await second.signing_key("3-nobody")
