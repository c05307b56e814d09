"""Between the first factor and the second: a log-in that waits for a code."""

from datetime import datetime, timedelta

from pydantic import Field

from services.auth.domain import SECOND_FACTOR, Account, Stored
from services.auth.factors.store import ChallengeStore
from services.auth.sessions.sessions import Client
from services.auth.tokens import digest, new_opaque_token
from shared.plumbing.clock import Clock
from shared.plumbing.errors import Forbidden, Unauthorized
from shared.plumbing.mongo import Document

TWO_FACTOR_PATH = "/api/auth/v1/sessions/two-factor"
LIFE = timedelta(minutes=5)
MOST_TRIES = 5
NEEDED = "two-factor-needed"


class Challenge(Stored):
    """Says that somebody has given the first factor of an account, and in what kind of client."""

    id: str = Field(alias="_id")
    user_id: str
    client: Client
    made_at: datetime
    amr: tuple[str, ...]


class Challenges:
    """Opaque texts, stored as digests: each for one account, one session, five tries and five minutes."""

    def __init__(self, store: ChallengeStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def require(self, account: Account, client: Client, amr: tuple[str, ...]) -> None:
        """Raises 403 `two-factor-needed`, with a challenge, if the account asks for more than `amr`."""
        if not account.two_factor or SECOND_FACTOR in amr:
            return
        token, now = new_opaque_token(), self._clock.now()
        document: Document = {
            "_id": digest(token),
            "user_id": account.id,
            "client": client,
            "amr": list(amr),
            "tries": 0,
            "made_at": now,
            "expires_at": now + LIFE,
        }
        await self._store.insert(document)
        raise Forbidden(
            NEEDED,
            "This account asks for a second factor",
            "Send this challenge with a code of your device, or with a recovery code.",
            challenge=token,
            expires_in=int(LIFE.total_seconds()),
            two_factor=TWO_FACTOR_PATH,
        )

    async def attempt(self, token: str) -> Challenge:
        """Count one try. Raises 401 `challenge-ended`: unknown, used, too old, or tried too often."""
        document = await self._store.attempt(digest(token), self._clock.now(), MOST_TRIES)
        if document is None:
            raise challenge_ended()
        return Challenge.model_validate(document)

    async def finish(self, challenge: Challenge) -> None:
        """Use it up. Raises 401 `challenge-ended` if somebody else was faster."""
        if not await self._store.remove(challenge.id):
            raise challenge_ended()


def challenge_ended() -> Unauthorized:
    """Whatever the reason, the way on is the same."""
    return Unauthorized("challenge-ended", "This log-in waits for no code any more", "Log in again.")
