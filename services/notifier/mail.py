"""Writing a mail: from facts to subject, text and HTML. No I/O.

Whatever comes from outside (names, an add-on's words, addresses) is cut to one line before it enters a sentence,
and every sentence is escaped when it enters HTML, so no value can add a header, a line or markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from services.notifier.domain import one_line
from services.notifier.mail_texts import Text, Texts, texts_for
from shared.contracts.reasons import FailureReason

SECURITY_NOTICE = "security-notice"
_HTML = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(
    Path(__file__).with_name("mail.html").read_text(encoding="utf-8")
)
_SUBJECT_CHARS = 180
_VALUE_CHARS = 300
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that the mail tells, with its link."""

    title: str
    before: tuple[str, ...]
    link: str
    url: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """The content of a mail in one language, as plain sentences."""

    subject: str
    entries: tuple[Entry, ...]
    footer: tuple[str, ...]
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How one install ended, with the names as they are when the mail is written."""

    installation_id: str
    addon: str
    workspace: str | None
    reason: FailureReason | None = None
    """None: installed."""
    detail: str = ""


class Writer:
    """Writes mails in the name of one marketplace."""

    def __init__(self, *, product: str, public_url: str, sender: str, support: str | None, logo: str | None) -> None:
        self._product = product
        self._public_url = public_url
        self._sender = sender
        self._support = support
        self._logo = logo

    def link_mail(
        self, template: str, link: str, until: datetime, locale: str, parameters: Mapping[str, str] = _NONE
    ) -> Letter:
        """A mail that auth ordered. Raises KeyError for a template that does not exist."""
        texts = texts_for(locale)
        values = {
            "product": self._product,
            "until": _moment(until),
            "workspace": parameters.get("workspace") or texts.someone,
            "inviter": parameters.get("inviter") or texts.somebody,
            "days": parameters.get("days", ""),
        }
        return self._letter(texts, (self._entry(texts.ordered[template], link, **values),))

    def security_notice(self, kind: str, link: str, at: datetime, locale: str) -> Letter:
        """Something happened to an account; of a kind that we do not know, that something did."""
        texts = texts_for(locale)
        what = texts.security_kinds.get(kind, texts.security_other)
        return self._letter(
            texts, (self._entry(texts.security_notice, link, product=self._product, what=what, at=_moment(at)),)
        )

    def results(self, results: Sequence[Result], total: int, locale: str) -> Letter:
        """What became of one or more installs of one person; `total` counts those that are not listed too."""
        texts = texts_for(locale)
        entries = tuple(self._result(texts, result) for result in results)
        if total == 1:
            return self._letter(texts, entries)
        rest = total - len(results)
        return self._letter(
            texts,
            entries,
            subject=texts.digest_subject.format(total=total),
            opening=(texts.digest_opening,),
            closing=(texts.digest_rest.format(rest=rest),) if rest else (),
        )

    def addon_down(self, addon_key: str, addon: str, since: datetime, cause: str, *, own: bool, locale: str) -> Letter:
        """A maintenance notice, for the admins or for the publisher (`own`)."""
        texts = texts_for(locale)
        text = texts.own_addon_down if own else texts.addon_down
        url = f"{self._public_url}/addons/{quote(addon_key, safe='')}"
        return self._letter(texts, (self._entry(text, url, addon=addon, since=_moment(since), cause=cause or "?"),))

    def message(self, letter: Letter, *, mail_id: str, to: str, now: datetime, locale: str) -> EmailMessage:
        """The message as it goes over the wire. Raises ValueError for an address that is none."""
        sender = policy.SMTP.header_factory("From", self._sender).addresses[0]
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = sender
        # Never with a display name: it would be the one header value that somebody else chose.
        message["To"] = _mailbox(to)
        message["Subject"] = letter.subject
        message["Date"] = now
        message["Message-ID"] = f"<{mail_id}@{sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(as_text(letter), cte="quoted-printable")
        message.add_alternative(self.as_html(letter, locale), subtype="html", cte="quoted-printable")
        return message

    def as_html(self, letter: Letter, locale: str) -> str:
        """The HTML part."""
        language = texts_for(locale).language
        return _HTML.render(letter=letter, language=language, product=self._product, logo=self._logo)

    def _result(self, texts: Texts, result: Result) -> Entry:
        url = f"{self._public_url}/installations/{quote(result.installation_id, safe='')}"
        names = {"addon": result.addon, "workspace": result.workspace or texts.someone}
        if result.reason is None:
            return self._entry(texts.installed, url, **names)
        why = texts.reasons[result.reason]
        entry = self._entry(texts.failed, url, what=why.what, then=why.then, **names)
        if not result.detail:
            return entry
        quoted = texts.quoted.format(detail=one_line(result.detail, _VALUE_CHARS))
        return Entry(entry.title, (entry.before[0], quoted, *entry.before[1:]), entry.link, url, entry.after)

    @staticmethod
    def _entry(text: Text, url: str, **values: str) -> Entry:
        shown = {
            name: one_line(value, _VALUE_CHARS if name in ("what", "then") else 100) for name, value in values.items()
        }
        before, after = (tuple(line.format(**shown) for line in lines) for lines in (text.before, text.after))
        return Entry(text.subject.format(**shown), before, text.link.format(**shown), url, after)

    def _letter(self, texts: Texts, entries: tuple[Entry, ...], **more: Any) -> Letter:
        footer = [texts.footer.format(product=self._product)]
        if self._support:
            footer.append(texts.support.format(support=self._support))
        subject = one_line(more.pop("subject", None) or entries[0].title, _SUBJECT_CHARS)
        return Letter(subject=subject, entries=entries, footer=tuple(footer), **more)


def as_text(letter: Letter) -> str:
    """The plain text part."""
    blocks = list(letter.opening)
    for entry in letter.entries:
        if len(letter.entries) > 1:
            blocks.append(f"* {entry.title}")
        blocks += [*entry.before, f"{entry.link}:\n{entry.url}", *entry.after]
    blocks += letter.closing
    return "\n\n".join(blocks) + "\n\n-- \n" + "\n".join(letter.footer) + "\n"


def _mailbox(address: str) -> Address:
    try:
        return Address(addr_spec=address)
    except (MessageError, ValueError, IndexError):  # the parser raises all of them
        raise ValueError("not an address") from None


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
