"""What the commands of `python3 -m deploy.local` do, on the stack of `make up`."""

import argparse
import os
import shutil
import sys

from deploy.local import applications, broker, environment, machine, ports, web
from deploy.local.broker import Broker, Engine
from deploy.local.paths import PROJECT, STACK
from deploy.local.plan import SERVICES, Plan, replicas_from
from deploy.local.process import StartError
from deploy.local.stack import Stack
from deploy.local.waiting import say


def set_up(arguments: argparse.Namespace) -> None:
    if arguments.only_python:
        environment.ensure()
    else:
        setup()


def requested_kafka() -> str:
    return os.environ.get("LOCAL_KAFKA") or "auto"


def setup() -> Broker:
    """Bring the machine to the point where a stack can start; does nothing that is done already."""
    if lacks := machine.missing(requested_kafka()):
        raise StartError(machine.told(lacks))
    environment.ensure()
    web.ensure()
    before = running_stack()
    # What runs decides for `auto`, so that a second `make up` finds the stack of the first.
    kept = before.plan.broker if before and before.running() and requested_kafka() == "auto" else None
    chosen = kept or broker.choose(requested_kafka())
    say(str(chosen))
    return chosen


def up(_: argparse.Namespace) -> None:
    before = running_stack()
    if not before or not before.running():
        refuse_taken_ports()  # before the minutes that setting up can take
    stack = wanted_stack(setup())
    if before and before.running() and before.plan != stack.plan:
        raise StartError(
            "A stack with other settings runs already (`make down` stops it):\n" + _differences(before.plan, stack.plan)
        )
    stack.start()
    running = len(stack.running())
    say(f"{running} parts run. {stack.plan.public_url}  mails: {stack.plan.mail_url}  stop: make down")


def refuse_taken_ports() -> None:
    """Raises StartError naming all taken ports of the stack that is asked for."""
    own = requested_kafka() in ("auto", Engine.APACHE, Engine.EMBEDDED)
    wanted = wanted_stack(Broker(Engine.APACHE, "not chosen yet")).plan.ports
    ports.refuse_taken({name: port for name, port in wanted.items() if own or not name.startswith("kafka")})


def wanted_stack(chosen: Broker) -> Stack:
    """The stack that the LOCAL_* settings describe."""
    roles = os.environ.get("LOCAL_ROLES") or "all"
    if roles not in ("all", "split"):
        raise ValueError(f"LOCAL_ROLES is all or split, not {roles}")
    return Stack.create(STACK, kafka=chosen, split=roles == "split", replicas=replicas_from())


def running_stack() -> Stack | None:
    plan = Plan.saved(STACK)
    return Stack(plan) if plan else None


def _differences(one: Plan, other: Plan) -> str:
    has, asked = ({"Kafka": it.kafka_name, "parts": " ".join(it.part_names), **it.ports} for it in (one, other))
    names = [name for name in has if name in asked and has[name] != asked[name]]
    return "\n".join(f"  {name}: {has[name]}, asked for {asked[name]}" for name in names)


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
        if pid and not part.gets_on():
            state += ", stuck"
        healthy = healthy and state == "ready"
        ports = " ".join(str(stack.plan.ports[port]) for port in part.ports)
        say(f"  {name:<17} {state:<18} {pid or '':<8} {ports:<12} {stack.daemon(name).log_file.relative_to(PROJECT)}")
    sys.exit(0 if healthy else 1)


def logs(arguments: argparse.Namespace) -> None:
    stack = running_stack()
    if not stack:
        sys.exit("Nothing was started here yet: make up")
    try:
        names = stack.expand(*arguments.parts)
    except KeyError as unknown:
        sys.exit(f"no part is named {unknown}; there are: {' '.join(stack.expand())}")
    files = [str(log) for name in names if (log := stack.daemon(name).log_file).exists()]
    os.execvp("tail", ["tail", "-n", "20", *(["-F"] if arguments.follow else []), *files])  # noqa: S606 -- no shell


def _stack_that_runs() -> Stack:
    stack = running_stack()
    if not stack or not stack.running():
        sys.exit("The stack does not run: make up")
    return stack


def doctor(arguments: argparse.Namespace) -> None:
    """Ask every service what is wrong; ends with 1 if anything is."""
    stack = _stack_that_runs()
    unwell = False
    for service in SERVICES:
        ran = stack.run(service, "doctor", *(["--fix"] if arguments.fix else []))
        say(ran.stdout.rstrip() or ran.stderr.rstrip())
        unwell = unwell or ran.returncode != 0
    sys.exit(1 if unwell else 0)


def run(arguments: argparse.Namespace) -> None:
    stack = _stack_that_runs()
    os.chdir(PROJECT)
    python = applications.python()
    command = [python, "-m", f"services.{arguments.service}", *arguments.arguments]
    os.execve(python, command, stack.service_env(arguments.service))  # noqa: S606 -- no shell
