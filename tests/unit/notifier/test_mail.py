"""Mails say what happened and what to do, and nothing that somebody else has put in."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from services.notifier.mail import Letter, Result, Writer, as_text
from services.notifier.mail_texts import ENGLISH, texts_for
from shared.contracts.reasons import FailureReason

TOKENS = Path(__file__).parents[3] / "web" / "src" / "styles" / "tokens.css"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WRITER = Writer(
    product="Souk",
    public_url="http://localhost:8080",
    sender="Souk <no-reply@souk.example>",
    support="help@souk.example",
    logo=None,
)
INSTALL = "65f0a1b2c3d4e5f60718293a"


def result(addon: str = "Time Cards", workspace: str | None = "Acme", **fields: object) -> Result:
    return Result(installation_id=INSTALL, addon=addon, workspace=workspace, **fields)  # type: ignore[arg-type]


def sent(letter: Letter, to: str = "ada@example.com") -> EmailMessage:
    """The message as a mail program parses it."""
    written = WRITER.message(letter, mail_id="abc", to=to, now=NOW, locale="en")
    parsed = message_from_bytes(bytes(written), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_the_verification_mail_carries_its_link_in_both_parts() -> None:
    message = sent(WRITER.link_mail("verify-email", "http://localhost:8080/v?token=a&b=c", NOW, "en"))

    assert message["Subject"] == "Confirm your e-mail address for Souk"
    assert message["To"] == "ada@example.com"
    assert message["From"] == "Souk <no-reply@souk.example>"
    assert message["Message-ID"] == "<abc@souk.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "http://localhost:8080/v?token=a&b=c\n" in part(message, "plain")
    assert 'href="http://localhost:8080/v?token=a&amp;b=c"' in part(message, "html")
    assert "until 2026-03-01 12:00 UTC" in part(message, "plain")


@pytest.mark.parametrize("kind", [*ENGLISH.security_kinds, "something-newer", "", "{what}<b>"])
def test_a_security_notice_says_what_happened_and_what_to_do(kind: str) -> None:
    message = sent(WRITER.security_notice(kind, "http://localhost:8080/account/security", NOW, "en"))

    assert message["Subject"] == "Your account at Souk: please check what happened"
    plain = part(message, "plain")
    assert ENGLISH.security_kinds.get(kind, ENGLISH.security_other) in plain
    assert "2026-03-01 12:00 UTC" in plain
    assert "http://localhost:8080/account/security\n" in plain
    assert "<b>" not in part(message, "html")


@pytest.mark.parametrize("template", ENGLISH.ordered)
def test_every_mail_that_auth_orders_names_the_marketplace_and_has_its_link(template: str) -> None:
    message = sent(WRITER.link_mail(template, "http://localhost:8080/v?token=a", NOW, "de-AT"))

    for kind in ("plain", "html"):
        text = part(message, kind)
        assert "http://localhost:8080/v?token=a" in text
        assert "{" not in text.partition("<body")[2] if kind == "html" else "{" not in text
    assert "Souk" in message["Subject"]
    links_that_end = {"verify-email", "email-change", "email-change-asked", "email-changed", "password-reset"}
    assert ("until 2026-03-01 12:00 UTC" in part(message, "plain").replace("\n", " ")) is (template in links_that_end)


def test_an_invite_names_who_invites_whereto() -> None:
    link = "http://localhost:8080/invite#token=s3cr3t"
    names = {"workspace": "Acme", "inviter": "Ada\r\nBcc: x@example.com", "days": "7", "product": "Evil"}
    message = sent(WRITER.link_mail("workspace-invite", link, NOW, "en", names))

    assert message["Subject"] == "You are invited to Acme at Souk"
    assert message["Bcc"] is None
    assert "has invited you to join Acme at Souk." in part(message, "plain")
    assert "for 7 days" in part(message, "plain")
    assert f"{link}\n" in part(message, "plain")
    assert f'href="{link}"' in part(message, "html")


def test_an_invite_without_names_is_still_a_sentence() -> None:
    nameless = sent(WRITER.link_mail("workspace-invite", "http://h/", NOW, "en", {"workspace": "", "days": "1"}))

    assert "Somebody has invited you to join a workspace at Souk." in part(nameless, "plain")


def test_a_result_names_addon_and_workspace_and_leads_to_the_installation() -> None:
    message = sent(WRITER.results([result()], 1, "en"))

    assert message["Subject"] == "Time Cards is installed in Acme"
    assert f"http://localhost:8080/installations/{INSTALL}" in part(message, "plain")
    assert "help@souk.example" in part(message, "plain")


def test_a_failure_says_why_in_whose_words_and_what_to_do() -> None:
    failed = result(reason=FailureReason.ADDON_REFUSED, detail="Seats are used up.")
    text = part(sent(WRITER.results([failed], 1, "en")), "plain")

    assert "The add-on refused the install." in text
    assert "In the add-on's words: “Seats are used up.”" in text
    assert "What to do next: Mend what it names and start again" in text.replace("\n", " ")


@pytest.mark.parametrize("reason", FailureReason)
def test_every_reason_has_its_sentences(reason: FailureReason) -> None:
    letter = WRITER.results([result(reason=reason)], 1, "en")

    assert letter.subject == "Time Cards was not installed in Acme"
    assert ENGLISH.reasons[reason].what in as_text(letter)


def test_a_digest_lists_the_results_and_counts_the_rest() -> None:
    letter = WRITER.results([result(), result("Invoices", reason=FailureReason.CANCELLED)], 5, "en")
    text = as_text(letter)

    assert letter.subject == "5 results of your installs"
    assert text.index("* Time Cards is installed in Acme") < text.index("* Invoices was not installed in Acme")
    assert "And 3 more," in text


def test_a_workspace_without_a_name_yet_is_a_workspace() -> None:
    assert WRITER.results([result(workspace=None)], 1, "en").subject == "Time Cards is installed in a workspace"


@pytest.mark.parametrize(
    "evil",
    [
        "x\r\nBcc: victim@example.com",
        "x\nSubject: other",
        "x\u2028Bcc: victim@example.com",
        "x\x0bBcc: victim@example.com",
        "x\x85Bcc: victim@example.com",
        "\u202egnp.exe",
        "a" * 5000,
        "{product.__class__}",
        "%s {0}",
    ],
)
def test_a_name_cannot_add_a_header_or_a_line(evil: str) -> None:
    letter = WRITER.results(
        [result(addon=evil, workspace=evil, reason=FailureReason.ADDON_REFUSED, detail=evil)], 1, "en"
    )
    message = sent(letter)

    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    }
    assert not re.search(r"[\r\n\x00-\x1f\x7f-\x9f\u2028\u202e]", message["Subject"])
    assert len(message["Subject"]) <= 180
    assert not any(line.startswith(("Bcc:", "Subject:")) for line in part(message, "plain").splitlines())


def test_buttons_have_the_colours_of_the_web_client() -> None:
    # A mail program knows no variables and may not know light-dark(), so the mail repeats what the client has by day.
    brand, written_on_it = (
        re.findall(rf"--{name}: light-dark\((#[0-9a-f]{{6}})", TOKENS.read_text())[0] for name in ("brand", "on-brand")
    )
    html = WRITER.as_html(WRITER.link_mail("verify-email", "http://localhost:8080/v", NOW, "en"), "en")
    assert (brand, written_on_it) == ("#0b6e61", "#ffffff")  # 6.1 to 1, where it takes 4.5
    assert f"background:{brand};color:#fff;" in html


def test_markup_in_names_is_text_in_html() -> None:
    evil = '<script>alert(1)</script><img src=x onerror="y">'
    html = part(sent(WRITER.results([result(addon=evil, workspace=evil)], 1, "en")), "html")

    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_markup_in_an_address_or_a_link_stays_inside_its_attribute() -> None:
    html = WRITER.as_html(WRITER.link_mail("verify-email", 'http://h/"><script>', NOW, "en"), "en")

    assert "<script>" not in html


@pytest.mark.parametrize("address", ["", "ada", "ada@example.com\r\nBcc: x@example.com", "a@b, c@d", "<a@b>", "a b@c"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        sent(WRITER.results([result()], 1, "en"), to=address)


def test_the_same_mail_has_the_same_id_at_every_attempt() -> None:
    letter = WRITER.results([result()], 1, "en")

    assert sent(letter)["Message-ID"] == sent(letter)["Message-ID"] == "<abc@souk.example>"


def test_the_publisher_and_the_admins_are_told_differently() -> None:
    admin = WRITER.addon_down("a-b", "A/B", NOW, "timeout", own=False, locale="en")
    publisher = WRITER.addon_down("a-b", "A/B", NOW, "timeout", own=True, locale="en")

    assert admin.subject == "A/B does not answer at the moment"
    assert publisher.subject == "Your add-on A/B does not answer our calls"
    assert "The kind of failure: timeout." in as_text(publisher)
    assert "http://localhost:8080/addons/a-b" in as_text(admin)


@pytest.mark.parametrize("locale", ["en", "en-GB", "EN_us", "xx", "", "../../etc"])
def test_an_unknown_language_is_english(locale: str) -> None:
    assert texts_for(locale) is ENGLISH
