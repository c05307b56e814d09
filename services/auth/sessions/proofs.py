"""Proving who one is: with the second factor of a log-in, and once more for what endangers an account."""

from dataclasses import dataclass

import structlog

from services.auth.accounts.accounts import refuse_unverified
from services.auth.accounts.passwords import Passwords
from services.auth.accounts.store import Users
from services.auth.domain import Account, Cause, SecurityKind
from services.auth.factors.challenges import Challenge, challenge_ended
from services.auth.factors.second_factor import BY_CODE, Proof, SecondFactors
from services.auth.security.tally import Tally
from shared.plumbing.errors import Conflict, Forbidden

log = structlog.get_logger()

_PROVIDER = "/api/auth/v1/login/{}?again=1"


@dataclass(frozen=True, slots=True)
class Once:
    """What somebody gives to prove once more who they are: exactly one of both."""

    password: str | None = None
    proof: Proof | None = None


class Proofs:
    """Takes passwords and codes. Who may try how often is the caller's to limit."""

    def __init__(
        self, users: Users, passwords: Passwords, factors: SecondFactors, tally: Tally, *, by_password: bool
    ) -> None:
        """`by_password`: whether accounts can be entered by a password of ours."""
        self._users = users
        self._passwords = passwords
        self._factors = factors
        self._tally = tally
        self._by_password = by_password

    async def second(self, challenge: Challenge, proof: Proof, cause: Cause) -> Account:
        """Whose log-in goes on with this code.

        Raises 401 `challenge-ended`, 403 `code-wrong`, 403 `code-used`, 409 `two-factor-not-enrolled`.
        """
        account = await self._users.by_id(challenge.user_id, standing=True)
        if account is None or challenge.made_at < account.sessions_valid_from:
            raise challenge_ended()
        refuse_unverified(account)
        await self._factors.use(account.id, proof, cause)
        return account

    async def again(self, account: Account, given: Once, cause: Cause) -> tuple[str, ...]:
        """By what the owner has proved it (RFC 8176). With a second factor it takes a code, else the password.

        Raises 403 `code-needed`, `code-wrong`, `code-used`, `password-wrong`; 409 `two-factor-not-enrolled`; 409
        `password-not-set` with the products to log in with once more, also where passwords of ours open nothing.
        """
        if given.proof is not None:
            await self._factors.use(account.id, given.proof, cause)
            return BY_CODE
        if account.two_factor:
            raise Forbidden("code-needed", "Your account has a second factor", "Send a code instead of the password.")
        if account.password is None or not self._by_password:
            ways = {one.provider: _PROVIDER.format(one.provider) for one in account.identities}
            raise Conflict(
                "password-not-set", "Your account has no password", "Log in once more at the product.", step_up=ways
            )
        if not await self._passwords.verify(account.password, given.password or ""):
            self._tally.note(account.id, SecurityKind.LOG_IN_REFUSED, cause)
            raise Forbidden("password-wrong", "This is not your password")
        return ("pwd",)
