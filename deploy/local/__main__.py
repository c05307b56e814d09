"""The command line: `python3 -m deploy.local setup|up|down|status|logs|doctor|run`."""

import argparse
import os
import sys

from deploy.local.commands import doctor, down, logs, run, set_up, status, up
from deploy.local.plan import SERVICES
from deploy.local.process import StartError
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
    doctor_command = commands.add_parser("doctor", help="what is wrong with the services, and what mends it")
    doctor_command.add_argument("--fix", action="store_true", help="apply what is safe to do at any time")
    doctor_command.set_defaults(do=doctor)
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
    except BrokenPipeError:  # as in `... | head`: nobody reads on, and Python would complain of it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
