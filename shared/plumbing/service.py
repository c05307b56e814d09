"""Running one service: what `main.build` puts together, started and stopped in the right order.

    python -m services.<name> serve --role api|worker|all

Every role dispatches its own outboxes; workers also sweep, consume and run the service's loops. Nothing here
waits for Kafka. The public port opens when the database is reachable and its indexes exist.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from shared.contracts.envelope import Message
from shared.plumbing.clock import DatabaseClock
from shared.plumbing.consumer import Consumers, group_id
from shared.plumbing.dead_letters import DeadLetters, passes
from shared.plumbing.doctor import Check
from shared.plumbing.http import internal_app
from shared.plumbing.liveness import Check as HealthCheck
from shared.plumbing.liveness import Liveness
from shared.plumbing.measuring import Measure, Measuring
from shared.plumbing.mongo import Client
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.outcomes import Subscription
from shared.plumbing.producer import Producer
from shared.plumbing.projections import Projection
from shared.plumbing.settings import PlatformSettings, ServiceSettings
from shared.plumbing.state_relay import StateRelay
from shared.plumbing.tasks import end

log = structlog.get_logger()

Loop = Callable[[], Awaitable[None]]
ROLES = ("api", "worker", "all")
_RESTART_SECONDS = 1.0
# These finish a batch, calls under way, records, when they are told to end, and are told once.
_FINISHING = frozenset({"consumers", "leases", "producer"})


@dataclass(frozen=True)
class Service:
    """A composed service. `loops` run in every role, `worker_loops` in workers only; each runs until cancelled.

    `stopping` is called first of all when the process shall stop: for answers that would go on for ever.
    """

    name: str
    platform: PlatformSettings
    settings: ServiceSettings
    api: FastAPI
    client: Client
    clock: DatabaseClock
    producer: Producer
    dead_letters: DeadLetters
    produces: tuple[type[Message], ...]
    subscriptions: Sequence[Subscription] = ()
    projections: Sequence[Projection] = ()
    outboxes: Sequence[OutboxRelay] = ()
    states: Sequence[StateRelay] = ()
    prepare: Sequence[Loop] = ()
    loops: Mapping[str, Loop] = field(default_factory=dict)
    worker_loops: Mapping[str, Loop] = field(default_factory=dict)
    measures: Sequence[Measure] = ()
    checks: Sequence[Check] = ()
    stopping: Sequence[Callable[[], None]] = ()
    close: Sequence[Loop] = ()

    def consumers(self) -> Consumers:
        """The consumers of a worker."""
        return Consumers(self.name, self.platform.kafka_bootstrap_servers, self.subscriptions, self.dead_letters)

    async def prepare_database(self) -> None:
        """Indexes and the clock; raises the driver's errors."""
        await self.clock.synchronise()
        await self.dead_letters.prepare()
        for projection in self.projections:
            await projection.prepare()
        for step in self.prepare:
            await step()


def measuring(service: Service) -> Measuring:
    """The gauges of a worker."""
    return Measuring(
        letters=service.dead_letters,
        outboxes=service.outboxes,
        states=service.states,
        clock=service.clock,
        own=service.measures,
    )


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the runner has one for both ports."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: ASGIApp, host: str, port: int) -> _Server:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,  # longer than the gateway keeps idle connections, so that it never meets a closed one
        ws="none",
    )
    return _Server(config)


async def serve(service: Service, role: str) -> None:
    """Run until SIGTERM or SIGINT, then stop: first the ports, then the work, then producer and database."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    working = role in ("worker", "all")
    consumers = service.consumers() if working and service.subscriptions else None
    liveness = Liveness(consumers)
    ready = asyncio.Event()

    async def readiness() -> dict[str, HealthCheck]:
        in_touch = service.clock.in_touch
        return {
            "started": (ready.is_set(), "prepared" if ready.is_set() else "preparing or stopping"),
            "database": (in_touch, "answers" if in_touch else "does not answer"),
        }

    ground = {"clock": service.clock.run, "producer": service.producer.run, "liveness": liveness.run, **service.loops}
    ground |= {f"outbox-{number}": outbox.run for number, outbox in enumerate(service.outboxes)}
    ground |= {f"state-{number}": state.run for number, state in enumerate(service.states)}
    work: dict[str, Loop] = {}
    if working:
        work |= service.worker_loops
        work["measuring"] = measuring(service).run
        work |= {f"outbox-sweep-{number}": outbox.sweep for number, outbox in enumerate(service.outboxes)}
        work |= {f"state-sweep-{number}": state.sweep for number, state in enumerate(service.states)}
    if consumers is not None:
        work["consumers"] = consumers.run
        work["returning-dead-letters"] = lambda: _replay_returning(service)

    host, port = service.settings.internal_host, service.settings.internal_port
    servers = [_server(internal_app(live=liveness.check, ready=readiness), host, port)]
    serving = [asyncio.create_task(servers[0].serve())]
    background: list[asyncio.Task[None]] = []
    try:
        background = [_start(name, run) for name, run in ground.items()]
        if await _until_prepared(service, stopping):
            background += [_start(name, run) for name, run in work.items()]
            if role in ("api", "all"):
                servers.append(_server(service.api, service.settings.http_host, service.settings.http_port))
                serving.append(asyncio.create_task(servers[1].serve()))
            ready.set()
            log.info("service_ready", role=role)
            await _until_over(stopping, serving)
    finally:
        ready.clear()
        await _stop(service, servers, serving, background)


async def _stop(
    service: Service,
    servers: Sequence[_Server],
    serving: Sequence["asyncio.Task[None]"],
    background: Sequence["asyncio.Task[None]"],
) -> None:
    log.info("service_stopping")
    for tell in service.stopping:
        tell()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*serving, return_exceptions=True)
    for task in reversed(background):  # work first, then what the work stands on
        await end(task, again=20.0 if task.get_name() in _FINISHING else 0.5)
    for step in service.close:
        with contextlib.suppress(Exception):
            await step()
    await service.client.close()
    log.info("service_stopped")


async def _until_over(stopping: asyncio.Event, serving: Sequence["asyncio.Task[None]"]) -> None:
    """Wait for the signal, or for a port that could not be opened or closed by itself."""
    waiter = asyncio.create_task(stopping.wait())
    await asyncio.wait([waiter, *serving], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()


async def _until_prepared(service: Service, stopping: asyncio.Event) -> bool:
    """Wait for the database without bound. False if told to stop meanwhile."""
    while not stopping.is_set():
        try:
            await service.prepare_database()
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with the database, we wait for it
            log.warning("database_not_ready", error=type(exc).__name__, detail=str(exc)[:300])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=1.0)
        else:
            return True
    return False


def _start(name: str, run: Loop) -> "asyncio.Task[None]":
    return asyncio.create_task(_supervise(name, run), name=name)


async def _supervise(name: str, run: Loop) -> None:
    """Restart a loop that failed: a bug in one must not end the others, nor go unseen. An outage is no bug."""
    while True:
        try:
            await run()
        except Exception as exc:
            if passes(exc):
                log.warning("loop_waits", loop=name, error=type(exc).__name__)
            else:
                log.exception("loop_failed", loop=name)
            await asyncio.sleep(_RESTART_SECONDS)
        else:
            return


async def _replay_returning(service: Service) -> None:
    for subscription in service.subscriptions:
        await service.dead_letters.replay_returning(group_id(service.name, subscription), subscription)
