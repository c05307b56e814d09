"""A mail server that delivers nothing: it keeps what it is sent, and shows it in a browser and as JSON.

`GET /api/messages` (with `?to=` for one recipient), `GET /api/messages/{n}`, `DELETE /api/messages`. Mails are files in
a folder, so a restart keeps them. Runs inside the virtual environment.
"""

import argparse
import asyncio
import email.policy
import html
import json
import signal
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
LIMIT_BYTES = 5_000_000
Mail = dict[str, Any]


class Mailbox:
    """The mails in a folder, numbered from 1 in the order of their arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._last = max((int(file.stem) for file in folder.glob("*.json")), default=0)

    def add(self, mail: Mail) -> int:
        self._last += 1
        part = self._folder / "arriving.part"
        part.write_text(json.dumps({"n": self._last} | mail))
        part.replace(self._folder / f"{self._last:06}.json")
        return self._last

    def all(self, to: str | None = None) -> list[Mail]:
        mails = [json.loads(file.read_text()) for file in sorted(self._folder.glob("*.json"))]
        return [mail for mail in mails if to is None or to in mail["to"]]

    def get(self, number: int) -> Mail | None:
        file = self._folder / f"{number:06}.json"
        return json.loads(file.read_text()) if file.exists() else None

    def clear(self) -> None:
        """Forget all mails; numbers go on, so that a poller with a cursor misses none."""
        for file in self._folder.glob("*.json"):
            file.unlink()


class Keeper:
    """aiosmtpd's handler: every mail for everybody is taken."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- its name
        self._mailbox.add(read(envelope))
        return "250 kept, and not delivered"


def read(envelope: Envelope) -> Mail:
    """A mail as JSON: who it was for, its texts, its headers as they came."""
    content = envelope.content or b""
    message = BytesParser(_class=EmailMessage, policy=email.policy.default).parsebytes(
        content if isinstance(content, bytes) else content.encode()
    )
    return {
        "from": envelope.mail_from,
        "to": list(envelope.rcpt_tos),
        "subject": str(message["Subject"] or ""),
        "message_id": str(message["Message-ID"] or ""),
        "text": _body(message, "plain"),
        "html": _body(message, "html"),
        "headers": [[name, str(value)] for name, value in message.items()],
    }


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if isinstance(part, EmailMessage) else ""


def web_app(mailbox: Mailbox) -> web.Application:
    async def page(_: web.Request) -> web.Response:
        shown = "".join(_shown(mail) for mail in reversed(mailbox.all()))
        return web.Response(text=PAGE.format(mails=shown or "<p>No mail yet.</p>"), content_type="text/html")

    async def listing(request: web.Request) -> web.Response:
        return web.json_response(mailbox.all(request.query.get("to")))

    async def one(request: web.Request) -> web.Response:
        mail = mailbox.get(int(request.match_info["n"]))
        if mail is None:
            raise web.HTTPNotFound
        return web.json_response(mail)

    async def clear(_: web.Request) -> web.Response:
        mailbox.clear()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/api/messages", listing)
    app.router.add_delete("/api/messages", clear)
    app.router.add_get(r"/api/messages/{n:\d{1,9}}", one)
    return app


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mails</title>
<meta http-equiv="refresh" content="5">
<style>body {{ font: 16px system-ui; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
article {{ border-top: 1px solid #aaa; padding: 1rem 0 }} pre {{ white-space: pre-wrap }}</style>
<h1>Mails</h1>{mails}</html>"""


def _shown(mail: Mail) -> str:
    to, subject, text = (html.escape(it) for it in (", ".join(mail["to"]), mail["subject"], mail["text"]))
    link = f'<a href="/api/messages/{mail["n"]}">{mail["n"]}</a>'
    return f"<article><p>{link} to {to}</p><h2>{subject}</h2><pre>{text}</pre></article>"


async def serve(smtp_port: int, http_port: int, mailbox: Mailbox) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    keeper = Keeper(mailbox)
    smtp = await loop.create_server(
        lambda: SMTP(keeper, data_size_limit=LIMIT_BYTES, enable_SMTPUTF8=True, loop=loop), HOST, smtp_port
    )
    runner = web.AppRunner(web_app(mailbox), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, http_port).start()
    await stopped.wait()
    smtp.close()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mail_sink")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.smtp_port, arguments.http_port, Mailbox(arguments.folder)))


if __name__ == "__main__":
    main()
