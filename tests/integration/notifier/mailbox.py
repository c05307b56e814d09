"""A mail server of the test's own."""

import asyncio
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from aiosmtpd.smtp import Envelope as Received


@dataclass
class MailBox:
    """A mail server. `answers` are given to the next mails instead of taking them."""

    taken: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def handle_DATA(self, _server: Any, _session: Any, received: Received) -> str:  # noqa: N802 - aiosmtpd's name
        """Called by aiosmtpd."""
        content = received.content
        parsed = message_from_bytes(content if isinstance(content, bytes) else b"", policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.tried.append(parsed["Message-ID"])
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(parsed)
        return "250 OK"

    async def start(self, **options: Any) -> None:
        """Listen, at the port of before if there was one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="mail.test", loop=loop, **options), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def to(self, address: str) -> list[EmailMessage]:
        """What somebody has received."""
        return [mail for mail in self.taken if mail["To"] == address]


def only_souk(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: object) -> AuthResult:
    """An authenticator for aiosmtpd that knows one user."""
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"souk", b"correct horse")
    return AuthResult(success=good, handled=good)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS for a mail server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def text_of(mail: EmailMessage) -> str:
    """The plain part."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")
