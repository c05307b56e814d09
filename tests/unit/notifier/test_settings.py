"""Settings that could go wrong quietly are refused loudly."""

import base64
import os

import pytest
from pydantic import ValidationError

from services.notifier.settings import NotifierSettings

GOOD = {
    "sealing_key": base64.b64encode(bytes(32)).decode(),
    "smtp_host": "mail",
    "mail_from": "Souk <no-reply@souk.example>",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("NOTIFIER_"):
            monkeypatch.delenv(name)


def test_mail_is_encrypted_unless_the_operator_says_otherwise() -> None:
    assert NotifierSettings.model_validate(GOOD).smtp_security == "starttls"


@pytest.mark.parametrize(
    "fields",
    [
        {"sealing_key": "short"},
        {"smtp_host": ""},
        {"mail_from": ""},
        {"mail_from": "nobody"},
        {"mail_from": "a@b.example, c@d.example"},
        {"mail_from": "Souk <a@b.example>\r\nBcc: x@y.example"},
        {"smtp_username": "souk"},
        {"smtp_password": "secret"},
        {"smtp_username": "souk", "smtp_password": "secret", "smtp_security": "none"},
        {"smtp_security": "ssl"},
        {"site_support_url": "javascript:alert(1)"},
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        NotifierSettings.model_validate({**GOOD, **fields})
