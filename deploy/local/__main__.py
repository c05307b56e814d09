"""The command line: `python3 -m deploy.local setup|up|down|status|logs|run`."""

import argparse
import os
import shutil
import sys

from deploy.local import applications, broker, environment, machine
from deploy.local.broker import Broker
from deploy.local.paths import PROJECT, STACK
from deploy.local.plan import SERVICES, Plan, replicas_from
from deploy.local.process import StartError
from deploy.local.stack import Stack
from deploy.local.waiting import say

INTERRUPTED = 130


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.local", description="Souk on one machine, without Docker.")
    commands = parser.add_subparsers(dest="command", required=True)
    setup_command = commands.add_parser("setup", help="check the machine, install dependencies, fetch Kafka")
    setup_command.add_argument("--only-python", action="store_true", help="dependencies, and no servers")
    setup_command.set_defaults(do=set_up)
    commands.add_parser("up", help="set up, and start what does not run").set_defaults(do=up)
    down_command = commands.add_parser("down", help="stop everything; data stays")
    down_command.add_argument("--delete-data", action="store_true", help="delete databases, topics, mails and secrets")
    down_command.set_defaults(do=down)
    commands.add_parser("status", help="what runs, and where").set_defaults(do=status)
    logs_command = commands.add_parser("logs", help="the ends of the logs")
    logs_command.add_argument("parts", nargs="*", help="only these, as in: installer kafka")
    logs_command.add_argument("--follow", action="store_true")
    logs_command.set_defaults(do=logs)
    run_command = commands.add_parser("run", help="a command of a service, as in: run auth operator ada@example.org")
    run_command.add_argument("service", choices=SERVICES)
    run_command.add_argument("arguments", nargs=argparse.REMAINDER)
    run_command.set_defaults(do=run)
    arguments = parser.parse_args()
    try:
        arguments.do(arguments)
    except (StartError, ValueError) as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        say("\nInterrupted. The same command goes on from here; `make down` stops what runs.")
        sys.exit(INTERRUPTED)


def set_up(arguments: argparse.Namespace) -> None:
    if arguments.only_python:
        environment.ensure()
    else:
        setup()


def setup() -> Broker:
    """Bring the machine to the point where a stack can start; does nothing that is done already."""
    requested = os.environ.get("LOCAL_KAFKA") or "auto"
    if lacks := machine.missing(requested):
        raise StartError(machine.told(lacks))
    environment.ensure()
    before = running_stack()
    # What runs decides for `auto`, so that a second `make up` finds the stack of the first.
    kept = before.plan.broker if before and before.running() and requested == "auto" else None
    chosen = kept or broker.choose(requested)
    say(str(chosen))
    return chosen


def up(_: argparse.Namespace) -> None:
    stack = wanted_stack(setup())
    before = running_stack()
    if before and before.running() and before.plan != stack.plan:
        raise StartError(
            "A stack with other settings runs already (`make down` stops it):\n" + _differences(before, stack)
        )
    stack.start()
    running = len(stack.running())
    say(f"{running} parts run. {stack.plan.public_url}  mails: {stack.plan.mail_url}  stop: make down")


def wanted_stack(chosen: Broker) -> Stack:
    """The stack that the LOCAL_* settings describe."""
    roles = os.environ.get("LOCAL_ROLES") or "all"
    if roles not in ("all", "split"):
        raise ValueError(f"LOCAL_ROLES is all or split, not {roles}")
    return Stack.create(STACK, kafka=chosen, split=roles == "split", replicas=replicas_from())


def running_stack() -> Stack | None:
    plan = Plan.saved(STACK)
    return Stack(plan) if plan else None


def _differences(one: Stack, other: Stack) -> str:
    fields = ("broker", "processes", "ports", "env", "mongod_options")
    return "\n".join(
        f"  {name}: {getattr(one.plan, name)}, asked for {getattr(other.plan, name)}"
        for name in fields
        if getattr(one.plan, name) != getattr(other.plan, name)
    )


def down(arguments: argparse.Namespace) -> None:
    stack = running_stack()
    if stack:
        say(f"stopping {len(stack.running())} parts ...")
        stack.stop()
    if arguments.delete_data:
        for name in ("data", "secrets.env", "stack.json"):
            path = STACK / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    say("Nothing runs.")


def status(_: argparse.Namespace) -> None:
    stack = running_stack()
    if not stack:
        sys.exit("Nothing was started here yet: make up")
    say(str(stack.plan.broker))
    healthy = True
    for name, part in stack.parts.items():
        pid = stack.daemon(name).pid()
        state = "not running" if not pid else "ready" if part.ready() else "not ready"
        healthy = healthy and state == "ready"
        ports = " ".join(str(stack.plan.ports[port]) for port in part.ports)
        say(f"  {name:<17} {state:<12} {pid or '':<8} {ports:<12} {stack.daemon(name).log_file.relative_to(PROJECT)}")
    sys.exit(0 if healthy else 1)


def logs(arguments: argparse.Namespace) -> None:
    stack = running_stack()
    if not stack:
        sys.exit("Nothing was started here yet: make up")
    try:
        parts = stack.named(*arguments.parts)
    except KeyError as unknown:
        sys.exit(f"no part is named {unknown}; there are: {' '.join(stack.parts)}")
    files = [str(log) for part in parts if (log := stack.daemon(part.name).log_file).exists()]
    os.execvp("tail", ["tail", "-n", "20", *(["-F"] if arguments.follow else []), *files])  # noqa: S606 -- no shell


def run(arguments: argparse.Namespace) -> None:
    stack = running_stack()
    if not stack or not stack.daemon("mongo").pid():
        sys.exit("The stack does not run: make up")
    os.chdir(PROJECT)
    python = applications.python()
    command = [python, "-m", f"services.{arguments.service}", *arguments.arguments]
    os.execve(python, command, stack.service_env(arguments.service))  # noqa: S606 -- no shell


if __name__ == "__main__":
    main()
