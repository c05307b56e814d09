"""What each step with the second factor makes of an account. Pure; time, secrets and codes are arguments."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from services.auth.domain import Account, Change, Enrolment, SecondFactor, SecurityEvent, SecurityKind
from services.auth.factors.codes import match, recovery_digest
from services.auth.tokens import same
from shared.contracts.auth import TwoFactorChanged
from shared.contracts.envelope import Message
from shared.plumbing.errors import Conflict, Forbidden

ENROLMENT_LIFE = timedelta(minutes=15)


def enrol(account: Account, sealed_secret: str, now: datetime) -> Change:
    """Begin, or begin anew. Raises 409 `two-factor-already-on`."""
    refuse_enabled(account)
    return Change({"enrolment": {"secret": sealed_secret, "expires_at": now + ENROLMENT_LIFE}}, public=False)


def pending(account: Account, now: datetime) -> Enrolment:
    """What waits to be confirmed. Raises 409 `two-factor-already-on`, 409 `two-factor-not-enrolled`."""
    refuse_enabled(account)
    if account.enrolment is None or account.enrolment.expires_at <= now:
        raise not_enrolled()
    return account.enrolment


def confirm(
    account: Account, *, secret: str, code: str, recovery_codes: Sequence[str], now: datetime, notice: Message
) -> Change:
    """The device makes the right codes: from now on they are asked for. Raises as `pending`, 403 `code-wrong`."""
    enrolment = pending(account, now)
    found = match(secret, code, now, last_step=0)
    if found is None:
        raise code_wrong()
    factor = {
        "secret": enrolment.secret,
        "enabled_at": now,
        "last_step": found.step,
        "recovery": stored_codes(account.id, recovery_codes),
    }
    return Change(
        {"two_factor": True, "second_factor": factor, "enrolment": None},
        (*_told(account, on=True), notice),
        events=(SecurityEvent(account.id, SecurityKind.TWO_FACTOR_ON, {"method": "code"}),),
    )


def use_code(account: Account, secret: str, code: str, now: datetime) -> Change:
    """Use up a code of the device. Raises 409 `two-factor-not-enrolled`, 403 `code-wrong`, 403 `code-used`."""
    factor = enabled(account)
    found = match(secret, code, now, factor.last_step)
    if found is None:
        raise code_wrong()
    if not found.fresh:
        raise code_used("Wait for the next one.")
    return Change({"second_factor.last_step": found.step}, public=False)


def use_recovery_code(account: Account, code: str, now: datetime, notice: Message) -> Change:
    """Use up a code from paper. Raises as `use_code`."""
    hashed = recovery_digest(account.id, code)
    codes = enabled(account).recovery
    position = next((index for index, one in enumerate(codes) if same(one.hash, hashed)), None)
    if position is None:
        raise code_wrong()
    if codes[position].used_at is not None:
        raise code_used("Each recovery code works once; take another one.")
    left = sum(one.used_at is None for one in codes) - 1
    return Change(
        {f"second_factor.recovery.{position}.used_at": now},
        (notice,),
        public=False,
        events=(SecurityEvent(account.id, SecurityKind.RECOVERY_CODE_USED, {"left": str(left)}),),
    )


def disable(account: Account, used: Change, notice: Message) -> Change:
    """Ask for no codes any more; `used`: what the code that was given for this makes of the account."""
    return Change(
        {"two_factor": False, "second_factor": None, "enrolment": None},
        (*_told(account, on=False), *used.messages, notice),
        events=(*used.events, SecurityEvent(account.id, SecurityKind.TWO_FACTOR_OFF, {"method": "code"})),
    )


def remove(account: Account, notice: Message, now: datetime) -> Change:
    """Somebody lost device and recovery codes, and an operator believes them. Whoever is logged in is so no more.

    Raises 409 `two-factor-not-enrolled`.
    """
    enabled(account)
    return Change(
        {"two_factor": False, "second_factor": None, "enrolment": None, "sessions_valid_from": now},
        (*_told(account, on=False), notice),
        events=(SecurityEvent(account.id, SecurityKind.TWO_FACTOR_OFF, {"method": "operator"}),),
    )


def renew(account: Account, used: Change, recovery_codes: Sequence[str], notice: Message) -> Change:
    """Other recovery codes; the old ones work no more."""
    fields = {**used.fields, "second_factor.recovery": stored_codes(account.id, recovery_codes)}
    event = SecurityEvent(account.id, SecurityKind.RECOVERY_CODES_RENEWED)
    return Change(fields, (*used.messages, notice), public=False, events=(*used.events, event))


def stored_codes(user_id: str, codes: Sequence[str]) -> list[Mapping[str, object]]:
    """As they rest."""
    return [{"hash": recovery_digest(user_id, code), "used_at": None} for code in codes]


def enabled(account: Account) -> SecondFactor:
    """Raises 409 `two-factor-not-enrolled`."""
    if not account.two_factor or account.second_factor is None:
        raise not_enrolled()
    return account.second_factor


def refuse_enabled(account: Account) -> None:
    """Raises 409 `two-factor-already-on`."""
    if account.two_factor:
        raise Conflict("two-factor-already-on", "Your account has a second factor", "Switch it off first.")


def not_enrolled() -> Conflict:
    """Nothing makes codes for this account."""
    return Conflict("two-factor-not-enrolled", "Your account has no second factor", "Begin to set one up.")


def code_wrong() -> Forbidden:
    """The same for codes of every kind."""
    return Forbidden("code-wrong", "This code is wrong", "Is the clock of your device right?")


def code_used(then: str) -> Forbidden:
    """A code that somebody may have looked at is worth nothing to them (RFC 6238 §5.2)."""
    return Forbidden("code-used", "This code has been used", then)


def _told(account: Account, *, on: bool) -> tuple[Message, ...]:
    """The event, if this changes whether two factors stand before the account."""
    after = account.model_copy(update={"two_factor": on}).protected
    return (TwoFactorChanged(user_id=account.id, enabled=after),) if after != account.protected else ()
