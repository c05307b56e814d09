"""What operators of the machines do, beside the API."""

import argparse
import sys
import uuid
from datetime import timedelta

import structlog
from pydantic import TypeAdapter, ValidationError

from services.auth.accounts.rules import change_role
from services.auth.accounts.store import Users
from services.auth.domain import OPERATOR, Cause
from services.auth.sessions.keyring import SIGNS_AFTER, Keyring
from services.auth.sessions.store_keys import KeyStore
from services.auth.settings import AuthSettings
from services.auth.texts import Address, address_key
from shared.plumbing.errors import Problem
from shared.plumbing.sealing import Sealer
from shared.plumbing.service import Service

log = structlog.get_logger()


async def make_operator(service: Service, args: argparse.Namespace) -> None:
    """Make an existing, verified account an operator: `operator EMAIL`. Exits with a reason if it cannot."""
    database = service.client[service.settings.mongo_database]
    users = Users(database, service.clock, service.states[0])
    try:
        key = address_key(TypeAdapter(Address).validate_python(args.email))
    except ValidationError:
        sys.exit(f"{args.email!r} is no e-mail address")
    account = await users.by_address(key)
    if account is None:
        sys.exit(f"{args.email} has no account; sign up first")
    cause = Cause(correlation_id=uuid.uuid4().hex)
    try:
        await users.change(account.id, lambda newest: change_role(newest, OPERATOR, granted=True), cause)
    except Problem as problem:
        sys.exit(f"{args.email}: {problem.title}")
    log.info(
        "role_changed",
        account_id=account.id,
        role=OPERATOR,
        granted=True,
        by="command",
        correlation_id=cause.correlation_id,
    )
    sys.stdout.write(f"{args.email} is an operator, from the next access token on\n")


async def rotate_keys(service: Service, _: argparse.Namespace) -> None:
    """Make the next signing key. It is published at once and signs as soon as every verifier knows it."""
    settings = service.settings
    if not isinstance(settings, AuthSettings):
        raise TypeError(type(settings).__name__)
    store = KeyStore(service.client[settings.mongo_database])
    keyring = Keyring(store, Sealer(settings.master_key.get_secret_value()), service.clock)
    await keyring.prepare()
    minutes = SIGNS_AFTER / timedelta(minutes=1)
    sys.stdout.write(f"{await keyring.add()} signs in {minutes:g} minutes\n")
