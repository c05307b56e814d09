"""`dead-letters list|show|replay|discard`: what the API offers operators, for whoever is on the machine."""

import argparse
import sys
from collections import Counter
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.dead_letters_desk import DeadLetterDesk
from shared.plumbing.dead_letters_shapes import Because, Which
from shared.plumbing.printing import print_json
from shared.plumbing.producer import COMMAND_SECONDS
from shared.plumbing.service import Service

BY = "command"
FILTERS = ("group", "topic", "reason", "type", "key", "since", "before")
_SAY_WHICH = f"name ids, or at least one of --{', --'.join(FILTERS)}: all of them is not meant by saying nothing"
_STATUSES = ("open", "replayed", "superseded", "discarded", "any")


def add_dead_letters(commands: Any) -> None:
    """Declare the command with its arguments."""
    added = commands.add_parser("dead-letters", help="list, show, replay or discard what was set aside")
    added.add_argument("action", choices=("list", "show", "replay", "discard"))
    added.add_argument("id", nargs="*", help="only these; without ids, those that the filters name")
    for name in FILTERS:
        added.add_argument(f"--{name}", help=f"only dead letters with this {name}")
    added.add_argument("--status", choices=_STATUSES, default="open", help="for list; the others take open ones")
    added.add_argument("--limit", type=_positive, default=100, help="for list: at most so many, newest first")
    added.add_argument("--all", action="store_true", help="for replay: all that are open")
    added.add_argument("--because", help="why they are discarded")


async def dead_letters(service: Service, args: argparse.Namespace) -> None:
    """Print what was found, or what became of them, as JSON. Exits with a reason if the arguments say too little."""
    try:
        which = Which.model_validate({name: text for name in FILTERS if (text := getattr(args, name))})
    except ValidationError as error:
        sys.exit("; ".join(f"--{one['loc'][0]}: {one['msg']}" for one in error.errors()))
    if args.id and (which.query() or args.all):
        sys.exit("either ids or filters: which of them would count is not said")
    desk = DeadLetterDesk(service.name, service.dead_letters, service.subscriptions)
    match args.action:
        case "list":
            status = None if args.status == "any" else args.status
            print_json(await desk.letters.list(which.query(), status=status, limit=args.limit))
        case "show":
            found = [letter for one in args.id if (letter := await desk.letters.find(one))]
            print_json(found)
            if len(found) < max(1, len(args.id)):
                sys.exit(f"there is no such dead letter, or it has no id: {' '.join(args.id)}")
        case "replay":
            if not (args.id or args.all or which.query()):
                sys.exit(_SAY_WHICH)
            ids = args.id or await desk.letters.open_ids(which.query(), 0)
            await service.producer.until_connected(COMMAND_SECONDS)  # some handlers answer with a record
            results: dict[str, str] = {}
            try:
                for one in ids:
                    results[one] = await desk.replay(one, BY)
            finally:  # also where the database goes away half-way
                print_json({**Counter(results.values()), "letters": results})
        case _:
            print_json({"discarded": await _discard(desk.letters, which, args)})


async def _discard(letters: DeadLetters, which: Which, args: argparse.Namespace) -> int:
    try:
        because = TypeAdapter(Because).validate_python(args.because or "")
    except ValidationError:
        sys.exit("--because is required, of 3 to 300 characters: a discarded record must say why")
    if args.id:
        return await letters.discard_ids(args.id, because, by=BY)
    if not which.query():
        sys.exit(_SAY_WHICH)
    return await letters.discard(which.query(), because, by=BY)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number
