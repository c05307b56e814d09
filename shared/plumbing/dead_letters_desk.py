"""What operators do with dead letters, whether they come over HTTP or by the command line."""

import asyncio
import time
from collections.abc import Sequence

from shared.plumbing.consumer import group_id
from shared.plumbing.dead_letters import DeadLetters
from shared.plumbing.dead_letters_shapes import Which
from shared.plumbing.outcomes import Subscription

PATIENCE_SECONDS = 15.0
"""How long one order replays; below what the gateway waits for an answer."""


class DeadLetterDesk:
    """The dead letters of one service beside the handlers that read them. Raises what infrastructure raises."""

    def __init__(self, service: str, letters: DeadLetters, subscriptions: Sequence[Subscription]) -> None:
        self.letters = letters
        self._readers = {group_id(service, one): one for one in subscriptions}

    async def replay(self, letter_id: str, by: str) -> str:
        """See `DeadLetters.replay_one`."""
        return await self.letters.replay_one(letter_id, self._readers, by=by)

    async def replay_some(
        self, which: Which, limit: int, by: str, *, after: str | None = None
    ) -> tuple[list[tuple[str, str]], bool]:
        """Replay up to `limit` of those behind `after`, the oldest first: id and result of each, and whether more wait.

        One after the other, because later ones may rest on earlier ones; ends early rather than keep a client waiting.
        """
        found = await self.letters.open_ids(which.query(), limit + 1, after=after)
        end = time.monotonic() + PATIENCE_SECONDS
        results: list[tuple[str, str]] = []
        for letter_id in found[:limit]:
            if results and time.monotonic() > end:
                return results, True
            results.append((letter_id, await self.replay(letter_id, by)))
            await asyncio.sleep(0)
        return results, len(found) > limit

    async def discard_some(self, which: Which, because: str, limit: int, by: str) -> tuple[int, bool]:
        """Close up to `limit`, the oldest first: how many were, and whether there may be more."""
        found = await self.letters.open_ids(which.query(), limit + 1)
        return await self.letters.discard_ids(found[:limit], because, by=by), len(found) > limit
