"""The mail server, and the three ways in which it can let us down.

MailServerAway   nothing can be sent now: connection, encryption or log-in failed, and no mail is to blame
MailDelayed      this mail not now: 4xx, the connection broke, or our own side was refused
MailRefused      this mail never: 5xx for its recipient or its content
"""

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
from aiosmtplib.errors import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from services.notifier.settings import NotifierSettings

_PERMANENT = 500


class MailServerAway(Exception):  # noqa: N818 - reads as what happened
    pass


class MailDelayed(Exception):  # noqa: N818 - as above
    pass


class MailRefused(Exception):  # noqa: N818 - as above
    pass


class Connection:
    """One dialogue with the mail server."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    @property
    def usable(self) -> bool:
        """Whether another mail can go through it."""
        return self._client.is_connected

    async def send(self, message: EmailMessage) -> None:
        """Return when the server has taken the mail. Raises MailDelayed or MailRefused, with no address in them.

        After MailDelayed the server may have taken it all the same.
        """
        try:
            await self._client.send_message(message)
        except SMTPRecipientsRefused as exc:
            raise _judged(exc.recipients[0].code, "recipient") from exc
        except SMTPDataError as exc:
            raise _judged(exc.code, "content") from exc
        except SMTPNotSupported as exc:
            raise MailRefused("address not supported by the server") from exc
        except SMTPResponseException as exc:  # of MAIL FROM and the like: about us, not about this mail
            raise MailDelayed(f"{exc.code}") from exc
        except (SMTPException, OSError) as exc:
            raise MailDelayed(type(exc).__name__) from exc
        except ValueError as exc:
            raise MailRefused("not an address") from exc


class MailServer:
    """Opens connections as the settings say."""

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings
        self._tls: ssl.SSLContext | None = None

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection, encrypted and logged in. Raises MailServerAway."""
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            timeout=settings.smtp_timeout_seconds,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            tls_context=self._tls_context(),
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            local_hostname=socket.gethostname(),  # else the library asks the DNS, and blocks meanwhile
        )
        try:
            await client.connect()
        except (SMTPException, OSError, ValueError) as exc:
            client.close()
            code = getattr(exc, "code", "")
            raise MailServerAway(f"{type(exc).__name__} {code}".strip()) from exc
        try:
            if not client.is_connected:
                raise MailServerAway("closed at once")
            yield Connection(client)
        finally:
            with contextlib.suppress(SMTPException, OSError):
                await client.quit()
            client.close()

    def _tls_context(self) -> ssl.SSLContext | None:
        if self._settings.smtp_security == "none":
            return None
        if self._tls is None:  # reading the authorities takes tens of milliseconds
            self._tls = ssl.create_default_context(cafile=self._settings.smtp_ca_file)
        return self._tls


def _judged(code: int, what: str) -> MailDelayed | MailRefused:
    return (MailRefused if code >= _PERMANENT else MailDelayed)(f"{code} {what}")
