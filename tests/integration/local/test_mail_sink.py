"""The real sink, over real SMTP and HTTP."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from deploy.local.broker import Broker, Engine
from deploy.local.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("mail")
    made = Stack.create(folder, kafka=Broker(Engine.EMBEDDED, "none is started"), free_ports=True)
    made.start("mail")
    yield made
    made.stop("mail")


@pytest.fixture
def sink(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.plan.url("mail"), trust_env=False) as client:
        client.delete("/api/messages")
        yield client


def send(stack: Stack, to: str, subject: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Souk <no-reply@souk.example>", to, subject
    mail["Message-ID"] = "<one@souk.example>"
    mail.set_content("Grüße, <you>\n")
    mail.add_alternative("<p>Grüße</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", stack.plan.ports["smtp"], timeout=10) as smtp:
        smtp.send_message(mail)


def test_a_mail_is_shown_whole(stack: Stack, sink: httpx.Client) -> None:
    send(stack, "ada@example.org", "Welcome – come in")

    (mail,) = sink.get("/api/messages").json()
    assert (mail["from"], mail["to"]) == ("no-reply@souk.example", ["ada@example.org"])
    assert mail["subject"] == "Welcome – come in"
    assert mail["text"] == "Grüße, <you>\n"
    assert mail["html"].strip() == "<p>Grüße</p>"
    assert mail["message_id"] == "<one@souk.example>"
    assert ["To", "ada@example.org"] in mail["headers"]
    assert sink.get(f"/api/messages/{mail['n']}").json() == mail


def test_mails_of_one_recipient_can_be_asked_for(stack: Stack, sink: httpx.Client) -> None:
    send(stack, "ada@example.org", "one")
    send(stack, "max@example.org", "two")

    assert [mail["subject"] for mail in sink.get("/api/messages", params={"to": "max@example.org"}).json()] == ["two"]


def test_the_page_shows_mails_as_text_and_never_as_markup(stack: Stack, sink: httpx.Client) -> None:
    send(stack, "ada@example.org", "<script>alert(1)</script>")

    page = sink.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page


def test_a_restart_keeps_mails_and_their_numbers(stack: Stack, sink: httpx.Client) -> None:
    send(stack, "ada@example.org", "before")
    before = sink.get("/api/messages").json()

    stack.restart("mail")
    send(stack, "ada@example.org", "after")

    after = sink.get("/api/messages").json()
    assert after[:1] == before
    assert after[1]["n"] == before[0]["n"] + 1


def test_no_mail_is_404(sink: httpx.Client) -> None:
    assert sink.get("/api/messages/999999").status_code == 404
