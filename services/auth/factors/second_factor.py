"""The second factor of an account: set up, asked for, switched off. Each step is one write."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.auth.accounts.mails import Mails
from services.auth.accounts.store import Users
from services.auth.domain import SECOND_FACTOR, Account, Cause, Change, SecurityKind
from services.auth.factors import codes, rules
from services.auth.security.tally import Tally
from shared.contracts.envelope import Message
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Problem
from shared.plumbing.sealing import Sealer

log = structlog.get_logger()

BY_CODE = ("otp", SECOND_FACTOR)
"""The ways (RFC 8176) that a code of either kind adds: a one-time password, and that there are two factors now."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody types: the code of their device, or one from paper."""

    code: str | None = None
    recovery_code: str | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a device needs to make codes; shown once."""

    secret: str
    address: str
    expires_at: datetime


class SecondFactors:
    """Secrets rest encrypted under the master key, each for its account; time is the database's."""

    def __init__(self, users: Users, sealer: Sealer, clock: Clock, mails: Mails, tally: Tally, *, issuer: str) -> None:
        """`issuer`: what devices call this marketplace."""
        self._users = users
        self._sealer = sealer
        self._clock = clock
        self._mails = mails
        self._tally = tally
        self._issuer = issuer

    async def begin(self, user_id: str, cause: Cause) -> Beginning:
        """Make a secret, which counts once it is confirmed. Raises 409 `two-factor-already-on`."""
        secret, now = codes.new_secret(), self._clock.now()
        sealed = self._sealer.encrypt(secret, purpose=_purpose(user_id))
        account = await self._users.change(user_id, lambda newest: rules.enrol(newest, sealed, now), cause)
        address = codes.address(secret, issuer=self._issuer, account=account.email)
        return Beginning(secret, address, now + rules.ENROLMENT_LIFE)

    async def confirm(self, user_id: str, code: str, cause: Cause) -> tuple[str, ...]:
        """Switch it on, and return the recovery codes, which nobody can read again.

        Raises 409 `two-factor-already-on`, 409 `two-factor-not-enrolled`, 403 `code-wrong`.
        """
        fresh = codes.new_recovery_codes()

        def decide(account: Account) -> Change:
            now = self._clock.now()
            secret = self._opened(account, rules.pending(account, now).secret)
            notice = self._notice(account, "two-factor-on")
            return rules.confirm(account, secret=secret, code=code, recovery_codes=fresh, now=now, notice=notice)

        await self._change(user_id, decide, cause)
        log.info("two_factor_on", user_id=user_id)
        return fresh

    async def use(self, user_id: str, proof: Proof, cause: Cause) -> None:
        """Use up a code. Raises 409 `two-factor-not-enrolled`, 403 `code-wrong`, 403 `code-used`."""
        await self._change(user_id, lambda account: self._used(account, proof), cause)

    async def disable(self, user_id: str, proof: Proof, cause: Cause) -> None:
        """Switch it off with a code. Raises as `use`."""
        await self._change(
            user_id,
            lambda account: rules.disable(account, self._used(account, proof), self._notice(account, "two-factor-off")),
            cause,
        )
        log.info("two_factor_off", user_id=user_id)

    async def remove(self, user_id: str, cause: Cause) -> Account:
        """Switch it off without a code, for an operator.

        Raises 404 `account-not-found`, 409 `two-factor-not-enrolled`.
        """
        account = await self._users.change(
            user_id,
            lambda account: rules.remove(account, self._notice(account, "two-factor-off"), self._clock.now()),
            cause,
        )
        log.info("two_factor_off", user_id=user_id)
        return account

    async def renew(self, user_id: str, code: str, cause: Cause) -> tuple[str, ...]:
        """Other recovery codes, for a code of the device. Raises as `use`."""
        fresh = codes.new_recovery_codes()
        await self._change(
            user_id,
            lambda account: rules.renew(
                account, self._used(account, Proof(code)), fresh, self._notice(account, "recovery-codes-renewed")
            ),
            cause,
        )
        return fresh

    async def _change(self, user_id: str, decide: Callable[[Account], Change], cause: Cause) -> None:
        try:
            await self._users.change(user_id, decide, cause)
        except Problem as problem:
            if problem.slug in ("code-wrong", "code-used"):
                self._tally.note(user_id, SecurityKind.CODE_REFUSED, cause)
                log.info("code_refused", user_id=user_id, slug=problem.slug)
            raise

    def _used(self, account: Account, proof: Proof) -> Change:
        now = self._clock.now()
        if proof.recovery_code is not None:
            notice = self._notice(account, "recovery-code-used")
            return rules.use_recovery_code(account, proof.recovery_code, now, notice)
        secret = self._opened(account, rules.enabled(account).secret)
        return rules.use_code(account, secret, proof.code or "", now)

    def _notice(self, account: Account, kind: str) -> Message:
        return self._mails.security_notice(account, kind, self._clock.now())

    def _opened(self, account: Account, sealed: str) -> str:
        return self._sealer.decrypt(sealed, purpose=_purpose(account.id))


def _purpose(user_id: str) -> str:
    return f"two-factor:{user_id}"
