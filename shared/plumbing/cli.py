"""The command line that every service has: `python -m services.<name> COMMAND`."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

import uvloop

from shared.contracts.envelope import Topic
from shared.plumbing.asyncapi import asyncapi_document
from shared.plumbing.dead_letters_command import add_dead_letters, dead_letters
from shared.plumbing.doctor_command import add_doctor, doctor
from shared.plumbing.logging import configure_logging
from shared.plumbing.printing import print_json
from shared.plumbing.service import ROLES, Service, serve
from shared.plumbing.tasks import end
from shared.plumbing.topics import create_topics
from shared.plumbing.tracing import configure_tracing

Command = Callable[[Service, argparse.Namespace], Awaitable[None]]


def run(
    build: Callable[[], Service],
    topics: tuple[Topic, ...],
    *,
    commands: Sequence[tuple[str, str, Sequence[str], Command]] = (),
) -> None:
    """Parse the arguments and run one command. `commands` are the service's own: name, help, arguments, function."""
    parser = argparse.ArgumentParser()
    sub = parser.add_subparsers(dest="command", required=True)
    sub.add_parser("serve", help="run the service").add_argument("--role", choices=ROLES, default="all")
    sub.add_parser("topics", help="create the Kafka topics that are missing")
    sub.add_parser("openapi", help="print the OpenAPI document")
    sub.add_parser("asyncapi", help="print the AsyncAPI document")
    sub.add_parser("resend-state", help="send every state record again")
    sub.add_parser("rebuild", help="rebuild a projection from its topic").add_argument("projection")
    add_dead_letters(sub)
    add_doctor(sub)
    own: dict[str, Command] = {}
    for name, help_text, arguments, command in commands:
        added = sub.add_parser(name, help=help_text)
        for argument in arguments:
            added.add_argument(argument)
        own[name] = command
    args = parser.parse_args()

    service = build()
    if args.command == "serve":
        configure_logging(service.name, service.platform.log_level, service.platform.log_format)
        end_tracing = configure_tracing(service.name, service.platform.otlp_endpoint)
        try:
            uvloop.run(serve(service, args.role))
        finally:
            end_tracing()  # also after an error, whose spans tell of it
        return
    # What a command prints is for programs too, so its log is apart, for whoever runs it.
    configure_logging(service.name, service.platform.log_level, "console", sys.stderr)
    if args.command == "openapi":
        print_json(service.api.openapi())
    elif args.command == "asyncapi":
        print_json(asyncapi_document(service))
    elif args.command == "doctor":
        asyncio.run(doctor(service, args))
    elif args.command == "topics":
        platform = service.platform
        created = asyncio.run(
            create_topics(
                platform.kafka_bootstrap_servers,
                topics,
                partitions=platform.topic_partitions,
                replication=platform.topic_replication,
            )
        )
        print_json({"created": created, "topics": len(topics)})
    else:
        command = own.get(args.command) or _MAINTENANCE[args.command]
        asyncio.run(_with_database(service, command, args))


async def _with_database(service: Service, command: Command, args: argparse.Namespace) -> None:
    await service.prepare_database()
    background = [asyncio.create_task(service.producer.run())]
    background += [asyncio.create_task(outbox.run()) for outbox in service.outboxes]
    background += [asyncio.create_task(state.run()) for state in service.states]
    try:
        await command(service, args)
    finally:
        await end(*reversed(background), again=6.0)  # the producer flushes for up to 5 s
        for step in service.close:
            await step()
        await service.client.close()


async def _resend_state(service: Service, _: argparse.Namespace) -> None:
    await service.producer.until_connected()  # a command for people; Ctrl-C ends it
    print_json({"sent": sum([await state.resend_all() for state in service.states])})


async def _rebuild(service: Service, args: argparse.Namespace) -> None:
    for projection in service.projections:
        if projection.name == args.projection:
            print_json({"read": await projection.rebuild(service.platform.kafka_bootstrap_servers)})
            return
    names = ", ".join(projection.name for projection in service.projections)
    sys.exit(f"no projection {args.projection!r}; there are: {names}")


_MAINTENANCE: dict[str, Command] = {"resend-state": _resend_state, "rebuild": _rebuild, "dead-letters": dead_letters}
