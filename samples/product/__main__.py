"""Run with `python -m samples.product`."""

import os
import signal
import sys
from urllib.parse import urlsplit

import structlog
from waitress import create_server  # type: ignore[import-untyped]  # it ships no types

from samples.product.app import create_app
from samples.product.push import Directory
from samples.product.settings import Settings
from samples.product.users import Users, add_first_users
from samples.product.workspaces import Workspaces

THREADS = 8

log = structlog.get_logger()


def serve(settings: Settings) -> None:
    if urlsplit(settings.public_url).scheme == "http":
        # Authlib refuses plain HTTP, except for loopback addresses. Whoever gives such an address wants it.
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"
    users = Users(settings.data_dir / "users.json")
    add_first_users(users, settings.users, settings.data_dir / "passwords.json")
    workspaces = Workspaces(settings.data_dir / "workspaces.json")
    directory = Directory(settings.directory_url, settings.directory_token, workspaces.get)
    workspaces.watch(directory.owe)
    server = create_server(
        create_app(settings, users, workspaces, directory),
        host=settings.host,
        port=settings.port,
        threads=THREADS,
        url_scheme=urlsplit(settings.public_url).scheme,
        ident=None,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    directory.start()
    log.info("started", public_url=settings.public_url, souk_url=settings.souk_url, users=len(list(users)))
    server.run()  # until SIGTERM or Ctrl-C; answers what it has begun
    directory.end()
    log.info("stopped")


def main() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ]
    )
    try:
        settings = Settings.from_env(os.environ)
    except ValueError as error:
        sys.exit(f"samples.product: {error}")
    serve(settings)


if __name__ == "__main__":
    main()
