"""Settings of the notifier; the variables are NOTIFIER_<FIELD>."""

from email import policy
from email.headerregistry import Address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, FilePath, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.plumbing.settings import Port, SealingKey, ServiceSettings, Url

Seconds = Annotated[float, Field(ge=0, le=86_400)]


def _mailbox(text: str) -> str:
    header = policy.SMTP.header_factory("From", "" if "\n" in text or "\r" in text else text)
    addresses: tuple[Address, ...] = getattr(header, "addresses", ())
    if len(addresses) != 1 or header.defects or not addresses[0].domain or not addresses[0].addr_spec.isascii():
        raise ValueError("must be one mailbox, such as Souk <no-reply@example.com>")
    return text


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class NotifierSettings(ServiceSettings):
    """Ports, the mail server, the timing of notices and digests, limits, and what the site is called."""

    model_config = SettingsConfigDict(env_prefix="NOTIFIER_")

    http_port: Port = 8104
    internal_port: Port = 9104
    mongo_database: str = "souk_notifier"

    # Opens addresses and links that auth has sealed with the same key.
    sealing_key: SealingKey

    smtp_host: str = Field(min_length=1)
    smtp_port: Port = 587
    # `starttls` never falls back to plain text; `none` is for a sink on the same machine.
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    # A private authority that signed the mail server's certificate; the system's authorities otherwise.
    smtp_ca_file: FilePath | None = None
    # For each step of the dialogue.
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    # Connections that one process opens at a time, while mails are due.
    smtp_connections: int = Field(default=4, ge=1, le=50)
    mail_from: Mailbox

    # An add-on that recovers sooner than this was not worth a notice.
    notice_after_seconds: Seconds = 30.0
    clear_after_seconds: Seconds = 60.0
    # Results of one person that come this close together share a mail, and a person gets one such mail in
    # `digest_every_seconds` at most.
    digest_wait_seconds: Seconds = 2.0
    digest_every_seconds: Seconds = 60.0

    # Live updates that one process serves; each holds a connection and about 30 kB.
    streams: int = Field(default=2_000, ge=1)
    streams_per_user: int = Field(default=20, ge=1)
    # A client that does not take what it is sent for this long is cut off.
    stream_send_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0

    # Per account and per network (IPv4 address, IPv6 /64), counted over all processes.
    feedback_per_hour: int = Field(default=20, ge=1)

    site_product_name: str = Field(default="Souk", min_length=1, max_length=60)
    site_logo_url: Url | None = None
    site_support_email: Mailbox | None = None
    site_support_url: Url | None = None

    @model_validator(mode="after")
    def _credentials_come_in_pairs(self) -> Self:
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("NOTIFIER_SMTP_USERNAME and NOTIFIER_SMTP_PASSWORD come together or not at all")
        if self.smtp_username is not None and self.smtp_security == "none":
            raise ValueError("NOTIFIER_SMTP_SECURITY=none would send the password in plain text")
        return self
