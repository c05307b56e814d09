"""Several processes of auth at once, and what leaves through Kafka."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from services.auth.main import build
from shared.contracts.auth import SEALED_ADDRESS
from shared.plumbing.mongo import Database
from shared.plumbing.sealing import Sealer
from shared.plumbing.service import Service
from shared.plumbing.tasks import end
from tests.integration.auth.conftest import API, SEALING, Auth, platform, settings, started
from tests.waiting import PATIENCE_SECONDS, eventually

TOPICS = ("auth.users.v1", "auth.accounts.v1", "auth.workspaces.v1", "auth.mail.v1")
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


async def test_processes_that_start_together_agree_on_one_key(database: Database, mongo_url: str) -> None:
    services = [build(platform(mongo_url), settings(mongo_database=database.name)) for _ in range(4)]
    await asyncio.gather(*(service.prepare_database() for service in services))
    assert await database["signing_keys"].count_documents({}) == 1
    async for one in started(services[0], database):
        async for two in started(services[1], database):
            someone = await one.person()
            assert (await two.http.get(f"{API}/me", headers=someone.headers)).status_code == 200
            refreshed = await two.http.post(f"{API}/sessions/refresh", json={"refresh_token": someone.refresh_token})
            assert refreshed.status_code == 200
    for service in services[2:]:
        await service.client.close()


async def test_another_master_key_does_not_start(database: Database, mongo_url: str) -> None:
    first = build(platform(mongo_url), settings(mongo_database=database.name))
    await first.prepare_database()
    second = build(platform(mongo_url), settings(mongo_database=database.name, master_key=SEALING))
    with pytest.raises(RuntimeError, match="AUTH_MASTER_KEY does not open the stored signing keys"):
        await second.prepare_database()
    for service in (first, second):
        await service.client.close()


@contextlib.asynccontextmanager
async def sending(service: Service, *, sweep: bool = False) -> AsyncIterator[None]:
    """The loops that send, as a running process has them."""
    loops: list[Callable[[], Awaitable[None]]] = [service.producer.run]
    loops += [relay.run for relay in service.outboxes] + [relay.run for relay in service.states]
    if sweep:
        loops += [relay.sweep for relay in service.outboxes] + [relay.sweep for relay in service.states]
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    try:
        yield
    finally:
        for task in reversed(tasks):
            await end(task, again=5)  # the producer flushes


@contextlib.asynccontextmanager
async def reading(kafka: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=kafka, auto_offset_reset="latest", enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer.seek_to_end()
        for part in consumer.assignment():
            await consumer.position(part)
        yield consumer
    finally:
        await consumer.stop()


Told = dict[str, tuple[str, dict[str, str], Any]]


async def told(consumer: AIOKafkaConsumer, key: str, *ids: str) -> Told:
    """Records of this key by their id (sending twice is allowed), until these ids have come: type, headers, value."""
    found: Told = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not found.keys() >= {f"{key}:{one}" for one in ids}:
            record = await consumer.getone()
            if (record.key or b"").decode() == key:
                headers = {name: text.decode() for name, text in record.headers}
                found[headers["ce_id"]] = (headers["ce_type"], headers, json.loads(record.value))
    return {ce_id.removeprefix(f"{key}:"): what for ce_id, what in found.items()}


async def test_a_sign_up_is_told_to_the_others(database: Database, mongo_url: str, kafka: str) -> None:
    service = build(platform(mongo_url, kafka), settings(mongo_database=database.name))
    email = f"ada-{secrets.token_hex(6)}@example.com"
    async with reading(kafka) as consumer:
        async for auth in started(service, database):
            answer = await auth.http.post(
                f"{API}/accounts",
                json={"email": email, "password": "correct horse battery"},
                headers={"X-Request-Id": "request-1", "traceparent": TRACE},
            )
            assert answer.status_code == 202
            user_id = (await auth.user(email))["_id"]
            token = await auth.link_token(email)
            async with sending(service):
                first = await told(consumer, user_id, "1", "v1", "v1:1")
                auth.http.headers["X-Request-Id"] = "request-2"
                assert (await auth.verify(token)).status_code == 200
                second = await told(consumer, user_id, "2", "v2")
                await nothing_pending(auth, "users", user_id)

    assert {ce_id: kind for ce_id, (kind, _, _) in first.items()} == {
        "1": "UserRegistered",
        "v1": "AccountChanged",
        "v1:1": "SendMail",
    }
    _, headers, value = first["1"]
    assert value == {"user_id": user_id, "method": "password"}
    assert (headers["seq"], headers["correlation_id"]) == ("1", "request-1")
    account = first["v1"][2]
    assert (account["version"], account["verified"]) == (1, False)
    headers = first["v1"][1]
    assert (headers["correlation_id"], headers["traceparent"]) == ("request-1", TRACE)
    assert second["v2"][1]["correlation_id"] == "request-2"
    assert "traceparent" not in second["v2"][1]
    opened = Sealer(SEALING).open(account["sealed_address"], purpose=SEALED_ADDRESS, now=service.clock.now())
    assert opened == email
    assert email not in json.dumps([value for _, _, value in first.values()])
    kind, _, value = second["2"]
    assert (kind, value) == ("UserVerified", {"user_id": user_id, "method": "link"})
    account = second["v2"][2]
    assert (account["version"], account["verified"]) == (2, True)


async def nothing_pending(auth: Auth, collection: str, document_id: str) -> None:
    async def all_sent() -> bool:
        document = await auth.database[collection].find_one({"_id": document_id}) or {}
        return not document.get("outbox") and not {"outbox_since", "state_marked_at"} & set(document)

    await eventually(all_sent)


async def test_what_a_killed_process_left_another_one_sends(database: Database, mongo_url: str, kafka: str) -> None:
    email = f"ada-{secrets.token_hex(6)}@example.com"
    dead = build(platform(mongo_url), settings(mongo_database=database.name))
    async for auth in started(dead, database):  # it never reaches Kafka
        someone = await auth.person(email)
        made = await auth.http.post(f"{API}/workspaces", json={"name": "Ada's"}, headers=someone.headers)
        workspace_id = made.json()["id"]

    async with reading(kafka) as consumer:
        service = build(platform(mongo_url, kafka), settings(mongo_database=database.name))
        async for auth in started(service, database):
            async with sending(service, sweep=True):
                await nothing_pending(auth, "users", someone.user_id)
                await nothing_pending(auth, "workspaces", workspace_id)
            found = await told(consumer, someone.user_id, "1", "2", "v1:1", "v2")
            kinds = {ce_id: kind for ce_id, (kind, _, _) in found.items()}
            assert kinds == {"1": "UserRegistered", "2": "UserVerified", "v1:1": "SendMail", "v2": "AccountChanged"}


async def test_a_workspace_is_told_to_the_others(database: Database, mongo_url: str, kafka: str) -> None:
    service = build(platform(mongo_url, kafka), settings(mongo_database=database.name))
    async with reading(kafka) as consumer:
        async for auth in started(service, database):
            ada = await auth.person()
            async with sending(service):
                url = f"{API}/workspaces"
                headers = {**ada.headers, "X-Request-Id": "request-1"}
                made = (await auth.http.post(url, json={"name": "Ada's"}, headers=headers)).json()
                _, sent, state = (await told(consumer, made["id"], "v1"))["v1"]
                assert sent["correlation_id"] == "request-1"
                assert state["admins"] == [{"user_id": ada.user_id, "role": "owner"}]
                await auth.database["users"].update_one({"_id": ada.user_id}, {"$set": {"vouched_by": "a product"}})
                body = {"requires_two_factor": True}
                await auth.http.patch(f"{url}/{made['id']}", json=body, headers=ada.headers)
                _, _, state = (await told(consumer, made["id"], "v2"))["v2"]
                assert (state["version"], state["requires_two_factor"]) == (2, True)
                await nothing_pending(auth, "workspaces", made["id"])
