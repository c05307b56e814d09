"""Mails over real SMTP: sent, sent once, and not sent when they should not be."""

import asyncio
import contextlib
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from services.notifier import postman
from services.notifier.digests import Digests
from shared.plumbing.mongo import Database
from shared.plumbing.outcomes import Outcome
from shared.plumbing.records import DataFault
from tests.integration.notifier.mailbox import MailBox, only_souk, server_context, text_of
from tests.integration.notifier.messages import Person, account, addon, failed, installed, send_mail, workspace
from tests.integration.notifier.parts import Notifier, notifier
from tests.users import new_id
from tests.waiting import eventually

LINK = "http://localhost:8080/api/auth/v1/verify-email?token=s3cr3t-t0ken"


def digests_of(souk: Notifier) -> Digests:
    """The worker behind the loop, to be moved by hand."""
    worker: Digests = souk.service.worker_loops["digests"].__self__  # type: ignore[attr-defined] # a bound method
    return worker


async def test_a_link_of_auth_reaches_its_address_and_stays_nowhere_else(souk: Notifier, mailbox: MailBox) -> None:
    ada = Person()
    with capture_logs() as logs:
        await souk.tell(send_mail(ada, souk.clock, LINK))
        (mail,) = await eventually(lambda: mailbox.to(ada.address))
        stored = await eventually(lambda: souk.database["mails"].find_one({"state": "sent"}))

    assert mail["Subject"] == "Confirm your e-mail address for Souk"
    assert LINK in text_of(mail)
    assert mail["Message-ID"] == f"<{stored['_id']}@souk.example>"
    assert "due_at" not in stored
    for secret in ("s3cr3t", "sealed:", ada.address):
        assert secret not in repr(logs)
        assert secret not in repr(stored)


async def test_an_invite_reaches_somebody_without_an_account(souk: Notifier, mailbox: MailBox) -> None:
    bob = Person()
    names = {"workspace": "Acme", "inviter": "Ada", "days": "7"}
    await souk.tell(send_mail(bob, souk.clock, LINK, template="workspace-invite", parameters=names))
    (mail,) = await eventually(lambda: mailbox.to(bob.address))
    stored = await eventually(lambda: souk.database["mails"].find_one({"state": "sent"}))

    assert mail["Subject"] == "You are invited to Acme at Souk"
    assert "Ada has invited you to join Acme at Souk." in text_of(mail)
    assert "parameters" not in stored


async def test_the_same_event_a_hundred_times_is_one_mail(souk: Notifier, mailbox: MailBox) -> None:
    ada, space = Person(), new_id()
    await souk.tell(account(ada, souk.clock), workspace(space, [ada]), addon(Person()))
    order = souk.envelope(send_mail(ada, souk.clock, LINK))
    result = souk.envelope(installed(ada, space))

    first = await souk.receive(*[order] * 50, *[result] * 50)
    await eventually(lambda: len(mailbox.to(ada.address)) == 2)
    again = await souk.receive(*[order] * 50, *[result] * 50)
    await asyncio.sleep(1.5)  # longer than a digest's pace

    assert first.count(Outcome.DONE) == 2
    assert set(again) == {Outcome.DUPLICATE}
    assert len(mailbox.taken) == 2


async def test_whoever_asked_for_the_install_is_told_that_somebody_else_has_cancelled_it(
    souk: Notifier, mailbox: MailBox
) -> None:
    ada, bob, space = Person(), Person(), new_id()
    await souk.tell(account(ada, souk.clock), account(bob, souk.clock), workspace(space, [ada, bob]), addon(Person()))
    await souk.tell(failed(bob, space, requested_by=ada))
    await eventually(lambda: mailbox.to(ada.address))
    assert mailbox.to(bob.address) == []


async def test_what_is_too_late_is_not_mailed(souk: Notifier, mailbox: MailBox) -> None:
    ada, space = Person(), new_id()
    await souk.tell(account(ada, souk.clock), workspace(space, [ada]))
    day = timedelta(hours=24)
    past = souk.clock.now() - timedelta(seconds=1)
    late = [
        souk.envelope(send_mail(ada, souk.clock, LINK, expires_at=past)),
        souk.envelope(send_mail(ada, souk.clock, LINK, expires_at=past + 2 * day), age=day),
        souk.envelope(installed(ada, space), age=day),
    ]

    outcomes = await souk.receive(*late)
    await asyncio.sleep(0.5)

    assert outcomes == [Outcome.IGNORED, Outcome.IGNORED, Outcome.DONE]  # the last one is for the feed
    assert mailbox.taken == []


async def test_results_that_come_together_share_a_mail_and_the_next_waits_a_minute(
    database: Database, mongo_url: str, mailbox: MailBox
) -> None:
    ada, bob, space = Person(), Person(), new_id()
    async with notifier(database, mongo_url, mailbox, digest_wait_seconds=1, digest_every_seconds=2) as souk:
        await souk.tell(account(ada, souk.clock), account(bob, souk.clock), workspace(space, [ada, bob]), addon(bob))
        await souk.tell(installed(ada, space), failed(ada, space), installed(bob, space))
        (digest,) = await eventually(lambda: mailbox.to(ada.address))
        started = asyncio.get_running_loop().time()
        await souk.tell(failed(ada, space))
        await eventually(lambda: len(mailbox.to(ada.address)) == 2)
        waited = asyncio.get_running_loop().time() - started

    assert digest["Subject"] == "2 results of your installs"
    assert "* Time Cards is installed in Acme" in text_of(digest)
    assert "* Time Cards was not installed in Acme" in text_of(digest)
    assert "In the add-on's words: “No seats.”" in text_of(digest)
    assert mailbox.to(ada.address)[1]["Subject"] == "Time Cards was not installed in Acme"
    assert waited > 1.5
    assert [mail["Subject"] for mail in mailbox.to(bob.address)] == ["Time Cards is installed in Acme"]


async def test_a_digest_whose_process_ended_in_between_loses_and_doubles_nothing(
    database: Database, mongo_url: str, mailbox: MailBox
) -> None:
    """The mail was stored, the results were not marked, and another result has come since."""
    ada, space = Person(), new_id()
    async with notifier(database, mongo_url, mailbox, working=False) as souk:
        await souk.tell(account(ada, souk.clock), workspace(space, [ada]), addon(Person()))
        await souk.tell(installed(ada, space))
        await eventually(digests_of(souk).work)
        await database["results"].update_many({}, {"$set": {"pending": True}})
        await database["digests"].update_many({}, {"$set": {"due_at": souk.clock.now()}})
        await souk.tell(failed(ada, space))
    async with notifier(database, mongo_url, mailbox):
        await eventually(lambda: len(mailbox.taken) == 2)

    subjects = [mail["Subject"] for mail in mailbox.taken]
    assert subjects == ["Time Cards is installed in Acme", "Time Cards was not installed in Acme"]


async def test_a_mail_waits_for_an_address_that_comes_later(
    souk: Notifier, mailbox: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postman, "ASK_AGAIN_FOR_RECIPIENT", timedelta(seconds=0.1))
    ada, space = Person(), new_id()
    await souk.tell(installed(ada, space))
    await eventually(lambda: souk.database["mails"].find_one({"error": "no recipient yet"}))
    await souk.tell(account(ada, souk.clock, version=1, verified=False))
    await asyncio.sleep(0.5)
    assert mailbox.taken == []  # an address that nobody has confirmed may be somebody else's

    await souk.tell(account(ada, souk.clock, version=2), addon(Person()), workspace(space, [ada]))

    await eventually(lambda: mailbox.to(ada.address))


async def test_after_an_hour_without_an_address_a_mail_is_given_up(
    database: Database, mongo_url: str, mailbox: MailBox
) -> None:
    async with notifier(database, mongo_url, mailbox, working=False) as souk:
        await souk.tell(installed(Person(), new_id()))
        await eventually(digests_of(souk).work)
        hour_ago = souk.clock.now() - timedelta(hours=1)
        await database["mails"].update_one({}, {"$set": {"created_at": hour_ago}})
    async with notifier(database, mongo_url, mailbox):
        ended = await eventually(lambda: database["mails"].find_one({"state": "failed"}))

    assert ended["error"] == "no recipient"


async def test_a_mail_refused_for_now_comes_again_with_the_same_id(
    souk: Notifier, mailbox: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.domain.RETRY_SECONDS", (0.1, 0.1, 0.1))
    mailbox.answers = ["451 later", "421 closing"]
    ada = Person()

    await souk.tell(send_mail(ada, souk.clock, LINK))
    await eventually(lambda: mailbox.to(ada.address))

    assert len(mailbox.tried) == 3
    assert len(set(mailbox.tried)) == 1
    assert (await souk.database["mails"].find_one({}) or {})["attempts"] == 2


async def test_a_mail_refused_for_good_is_not_tried_again(souk: Notifier, mailbox: MailBox) -> None:
    mailbox.answers = ["550 5.1.1 <ada@example.com> unknown"]
    with capture_logs() as logs:
        await souk.tell(send_mail(Person(), souk.clock, LINK))
        (line,) = await eventually(lambda: [log for log in logs if log["event"] == "mail_ended"])

    assert (await souk.database["mails"].find_one({}) or {})["error"] == "550 content"
    assert len(mailbox.tried) == 1
    assert (line["state"], line["error"], line["log_level"]) == ("failed", "550 content", "warning")
    assert "ada@example.com" not in repr(logs)


async def test_mails_wait_while_the_server_is_away_and_lose_no_attempt(souk: Notifier, mailbox: MailBox) -> None:
    await mailbox.stop()
    ada = Person()
    with capture_logs() as logs:
        await souk.tell(send_mail(ada, souk.clock, LINK))
        await eventually(lambda: any(log["event"] == "mail_server_away" for log in logs))
    await mailbox.start()

    await eventually(lambda: mailbox.to(ada.address))

    assert (await souk.database["mails"].find_one({}) or {})["attempts"] == 0


async def test_a_command_with_an_unknown_template_is_set_aside(
    database: Database, mongo_url: str, mailbox: MailBox
) -> None:
    async with notifier(database, mongo_url, mailbox, working=False) as souk:
        with pytest.raises(DataFault, match=r"^unknown-version: template birthday$"):
            await souk.tell(send_mail(Person(), souk.clock, LINK, template="birthday"))


async def test_a_broken_seal_is_no_recipient_yet(souk: Notifier, mailbox: MailBox) -> None:
    await souk.tell(send_mail(Person(), souk.clock, LINK, sealed_address="sealed:v1:AAAA"))

    waiting = await eventually(lambda: souk.database["mails"].find_one({"error": "no recipient yet"}))

    assert waiting["state"] == "due"
    assert mailbox.tried == []


async def test_three_processes_send_two_hundred_mails_once_each(
    database: Database, mongo_url: str, mailbox: MailBox
) -> None:
    people = [Person() for _ in range(200)]
    async with AsyncExitStack() as stack:
        all_three = [await stack.enter_async_context(notifier(database, mongo_url, mailbox)) for _ in range(3)]
        clock = all_three[0].clock
        await all_three[0].tell(*(send_mail(one, clock, LINK) for one in people))
        await eventually(lambda: len(mailbox.taken) >= 200)
        await eventually(lambda: _none_due(database))

    assert sorted(mail["To"] for mail in mailbox.taken) == sorted(one.address for one in people)


async def _none_due(database: Database) -> bool:
    return await database["mails"].find_one({"state": "due"}) is None


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(paths[0]), str(paths[1])


async def test_mail_goes_encrypted_and_logged_in(
    database: Database, mongo_url: str, certificate: tuple[str, str]
) -> None:
    box = MailBox()
    await box.start(
        tls_context=server_context(*certificate),
        require_starttls=True,
        auth_required=True,
        authenticator=only_souk,
    )
    secure: dict[str, Any] = {
        "smtp_host": "localhost",
        "smtp_security": "starttls",
        "smtp_ca_file": certificate[0],
        "smtp_username": "souk",
        "smtp_password": "correct horse",
    }
    async with notifier(database, mongo_url, box, **secure) as souk:
        await souk.tell(send_mail(Person(), souk.clock, LINK))
        await eventually(lambda: len(box.taken) == 1)
    await box.stop()


@pytest.mark.parametrize("fields", [{}, {"smtp_username": "souk", "smtp_password": "guess"}])
async def test_without_encryption_nothing_is_sent_and_nothing_lost(
    database: Database, mongo_url: str, mailbox: MailBox, fields: dict[str, Any]
) -> None:
    with capture_logs() as logs:
        async with notifier(database, mongo_url, mailbox, smtp_security="starttls", **fields) as souk:
            await souk.tell(send_mail(Person(), souk.clock, LINK))
            await eventually(lambda: any(log["event"] == "mail_server_away" for log in logs))

    assert mailbox.tried == []
    assert (await database["mails"].find_one({}) or {})["state"] == "due"
    assert "guess" not in repr(logs)


async def test_who_is_gone_gets_no_mail_but_the_last_one(souk: Notifier, mailbox: MailBox) -> None:
    ada, space = Person(), new_id()
    await souk.tell(account(ada, souk.clock), workspace(space, [ada]), addon(Person()))
    await souk.tell(account(ada, souk.clock, version=2, deleted=True))

    await souk.receive(
        souk.envelope(send_mail(ada, souk.clock, LINK, template="password-reset")),
        souk.envelope(installed(ada, space)),
        souk.envelope(send_mail(ada, souk.clock, "http://localhost:8080/", template="account-deleted")),
    )

    await eventually(lambda: souk.database["mails"].find_one({"template": "account-deleted", "state": "sent"}))
    reset = await eventually(
        lambda: souk.database["mails"].find_one({"template": "password-reset", "ended_at": {"$ne": None}})
    )
    assert (reset["state"], reset["error"]) == ("expired", "the account is gone")
    await eventually(lambda: souk.database["mails"].find_one({"kind": {"$ne": "link"}, "state": "expired"}))
    (mail,) = mailbox.to(ada.address)
    assert mail["Subject"] == "Your account at Souk is deleted"
    stored = await souk.database["mails"].find({}).to_list()
    assert all("sealed_address" not in one for one in stored)


async def test_a_mail_says_until_when_its_link_works_not_until_when_it_is_sent(
    souk: Notifier, mailbox: MailBox
) -> None:
    ada = Person()
    until = souk.clock.now() + timedelta(days=7)
    await souk.tell(send_mail(ada, souk.clock, LINK, template="email-changed", expires_at=until))
    (mail,) = await eventually(lambda: mailbox.to(ada.address))
    assert f"until {until:%Y-%m-%d %H:%M} UTC" in " ".join(text_of(mail).split())


@pytest.mark.parametrize("step", ["mails", "results", "digests"])
async def test_a_digest_that_broke_off_names_no_result_twice_whatever_has_come_meanwhile(
    database: Database, mongo_url: str, mailbox: MailBox, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ada, space = Person(), new_id()
    async with notifier(database, mongo_url, mailbox, digest_wait_seconds=600, digest_every_seconds=60) as souk:
        digests = digests_of(souk)
        store = digests._mails
        await souk.tell(account(ada, souk.clock), workspace(space, [ada]), addon(Person()))
        await souk.tell(*(installed(ada, space, f"k{number}") for number in range(3)))

        async def close() -> None:
            digest = await souk.database["digests"].find_one({"_id": ada.id})
            assert digest is not None
            with contextlib.suppress(RuntimeError):
                await digests._close(digest)

        async def breaks(*_: Any, **__: Any) -> None:
            raise RuntimeError("killed here")

        begin = store.begin_digest

        async def begins_and_ends_are_lost(digest: Any, first: str) -> bool:
            assert await begin(digest, first)
            patched.setattr(store._digests, "update_one", breaks)
            return True

        with monkeypatch.context() as patched:
            if step == "mails":
                patched.setattr(store, "add", breaks)
            elif step == "results":
                patched.setattr(store._results, "update_many", breaks)
            else:
                patched.setattr(store, "begin_digest", begins_and_ends_are_lost)
            await close()
        late = souk.envelope(installed(ada, space, "late"), age=timedelta(minutes=5))
        await souk.receive(late)

        async def names() -> list[str]:
            told = souk.database["mails"].find({"kind": "results"}, {"taken": 1})
            return [name async for mail in told for name in mail["taken"]]

        for _ in range(3):
            await close()
        assert not await souk.database["results"].count_documents({"pending": True})
        assert len(await names()) == len(set(await names())) == 4
