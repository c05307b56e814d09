"""Faults of Kafka, MongoDB and the lines to them."""

import asyncio
from functools import partial

from aiokafka.admin import AIOKafkaAdminClient
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.ports import HOST
from tests.chaos.cluster import Cluster
from tests.chaos.faults.kinds import Arena, Kind, with_three

DOWN_SECONDS = 8.0
LINE_SECONDS = 12.0
OUTAGE_SECONDS = 60.0
MAJORITY_SECONDS = 30.0
STEP_DOWN_SECONDS = 10
SLOW_SECONDS = 0.3


async def _away(arena: Arena, names: tuple[str, ...], seconds: float) -> None:
    await arena.cluster.kill(*names)
    await asyncio.sleep(seconds)
    for name in names:
        await arena.cluster.begin(name)
    await arena.cluster.ready(names, 60)


async def kill_broker(arena: Arena) -> str:
    name = arena.random.choice(arena.cluster.brokers)
    await _away(arena, (name,), DOWN_SECONDS)
    return name


async def restart_broker(arena: Arena) -> str:
    """In good order: its leaderships and coordinators move before it goes."""
    name = arena.random.choice(arena.cluster.brokers)
    await arena.cluster.stop(name)
    await arena.cluster.begin(name)
    await arena.cluster.ready([name], 60)
    return name


async def kill_all_brokers(arena: Arena) -> str:
    await _away(arena, arena.cluster.brokers, OUTAGE_SECONDS)
    return ", ".join(arena.cluster.brokers)


async def move_coordinator(arena: Arena) -> str:
    """Kill the broker that coordinates a consumer group of ours."""
    admin = AIOKafkaAdminClient(bootstrap_servers=arena.cluster.stack.plan.kafka)
    await admin.start()
    try:
        groups = sorted(name for name, _ in await admin.list_consumer_groups() if name.endswith(".v1"))
        group = arena.random.choice(groups)
        number = await admin.find_coordinator(group)
    finally:
        await admin.close()
    name = arena.cluster.brokers[number - 1]
    await _away(arena, (name,), DOWN_SECONDS)
    return f"{name}, coordinator of {group}"


def _primary(cluster: Cluster) -> str:
    """The present one; of none, the first member."""
    for name in cluster.members:
        address = f"mongodb://{HOST}:{cluster.stack.plan.ports[name]}/?directConnection=true"
        with MongoClient[dict[str, object]](address, serverSelectionTimeoutMS=2000) as client:
            try:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return name
            except PyMongoError:
                continue
    return cluster.members[0]


def _step_down(cluster: Cluster, name: str) -> None:
    address = f"mongodb://{HOST}:{cluster.stack.plan.ports[name]}/?directConnection=true"
    with MongoClient[dict[str, object]](address, serverSelectionTimeoutMS=2000) as client:
        client.admin.command({"replSetStepDown": STEP_DOWN_SECONDS, "force": True})


async def step_down(arena: Arena) -> str:
    for pause in (2.0, 4.0, 8.0, 0.0):  # there may just be none
        name = await asyncio.to_thread(_primary, arena.cluster)
        try:
            await asyncio.to_thread(_step_down, arena.cluster, name)
            break
        except PyMongoError:
            if not pause:
                raise
            await asyncio.sleep(pause)
    await asyncio.sleep(STEP_DOWN_SECONDS)
    return name


async def kill_primary(arena: Arena) -> str:
    name = await asyncio.to_thread(_primary, arena.cluster)
    await _away(arena, (name,), DOWN_SECONDS)
    return name


async def lose_majority(arena: Arena) -> str:
    first = await asyncio.to_thread(_primary, arena.cluster)
    other = arena.random.choice([name for name in arena.cluster.members if name != first])
    await _away(arena, (first, other), MAJORITY_SECONDS)
    return f"{first}, {other}"


async def on_the_line(mode: str, delay: float, servers: str, arena: Arena) -> str:
    """To one of them; slowness to all."""
    cluster = arena.cluster
    nodes = cluster.brokers if servers == "Kafka" else cluster.members
    hit = nodes if delay else (arena.random.choice(nodes),)
    for name in hit:
        await cluster.line(name, mode, delay)
    try:
        await asyncio.sleep(LINE_SECONDS)
    finally:
        for name in hit:
            await cluster.line(name)
    return ", ".join(hit)


KINDS = (
    Kind("kill a broker", "servers", kill_broker),
    Kind("restart a broker", "servers", restart_broker),
    Kind("all brokers away for 60 s", "servers", kill_all_brokers, with_three, most=5),
    Kind("kill a group's coordinator", "servers", move_coordinator),
    Kind("primary steps down", "servers", step_down, with_three),
    Kind("kill the primary", "servers", kill_primary),
    Kind("majority of MongoDB away for 30 s", "servers", lose_majority, with_three, most=5),
    *(
        Kind(f"{what} line to {servers}", "servers", partial(on_the_line, mode, delay, servers))
        for what, mode, delay in (("slow", "open", SLOW_SECONDS), ("cut", "cut", 0.0), ("half-open", "silent", 0.0))
        for servers in ("Kafka", "MongoDB")
    ),
)
