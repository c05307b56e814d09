"""The accounts: who is found by what, and what others need to know of many at once."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from services.auth.accounts.erasing import TOMBSTONE
from services.auth.domain import Account, Cause, Change
from services.auth.security.store import SecurityLog
from services.auth.store import Also, Documents
from shared.contracts import topics
from shared.plumbing.clock import Clock
from shared.plumbing.errors import NotFound
from shared.plumbing.mongo import Database, Document, DriverSession
from shared.plumbing.outbox import OutboxRelay
from shared.plumbing.state_relay import StateRelay

_CHUNK = 2_000


def account_not_found() -> NotFound:
    """For callers who may know which accounts there are."""
    return NotFound("account-not-found", "There is no such account")


class Users(Documents[Account]):
    """Accounts, each changed by compare-and-set."""

    def __init__(self, database: Database, clock: Clock, states: StateRelay, outbox: OutboxRelay | None = None) -> None:
        super().__init__(
            database["users"],
            Account,
            clock,
            states,
            outbox,
            log=SecurityLog(database, clock),
            missing=account_not_found,
        )

    async def get(self, document_id: str) -> Account:
        """The account of this id. Raises 404 `account-not-found`, of a deleted one too."""
        account = await self.by_id(document_id, standing=True)
        if account is None:
            raise account_not_found()
        return account

    async def change(
        self,
        document_id: str,
        decide: Callable[[Account], Change | None],
        cause: Cause,
        *,
        also: Also | None = None,
    ) -> Account:
        """As `Documents.change`; nothing is written to a tombstone. Raises 404 `account-not-found` there."""

        def of_the_living(account: Account) -> Change | None:
            if account.deleted_at is not None:
                raise account_not_found()
            return decide(account)

        return await super().change(document_id, of_the_living, cause, also=also)

    async def by_id(self, user_id: str, *, standing: bool = False) -> Account | None:
        """The account of this id; with `standing` only if it is not deleted."""
        return await self._find({"_id": user_id, **({"deleted_at": None} if standing else {})})

    async def by_address(self, email_key: str) -> Account | None:
        """The account with this address (`address_key`)."""
        return await self._find({"email_key": email_key})

    async def by_identity(self, provider: str, subject: str) -> Account | None:
        """The account of a product's subject."""
        return await self._find({"identities": {"$elemMatch": {"provider": provider, "sub": subject}}})

    async def by_personal_token(self, hashed: str) -> Account | None:
        """The standing account that has a personal access token of this digest."""
        return await self._find({"personal_tokens.hash": hashed, "deleted_at": None})

    async def note_use(self, user_id: str, token_id: str, now: datetime) -> None:
        """A personal access token was used. No change of the account: a change at the same time may forget it."""
        which = {"_id": user_id, "personal_tokens.id": token_id}
        await self._collection.update_one(which, {"$set": {"personal_tokens.$.last_used_at": now}})

    async def names(self, user_ids: Sequence[str]) -> dict[str, str]:
        """Display names by user id."""
        found = self._collection.find({"_id": {"$in": list(user_ids)}}, {"display_name": 1})
        return {document["_id"]: document["display_name"] async for document in found}

    async def facts(self, user_ids: Sequence[str]) -> dict[str, Document]:
        """What a workspace check asks, by user id; deleted accounts are missing."""
        which = {"_id": {"$in": list(user_ids)}, "deleted_at": None}
        found = self._collection.find(which, {"verified_at": 1, "two_factor": 1, "vouched_by": 1})
        return {document["_id"]: document async for document in found}

    async def of_subjects(self, provider: str, subjects: Sequence[str]) -> dict[str, str]:
        """The users that these subjects belong to, by subject."""
        found: dict[str, str] = {}
        for start in range(0, len(subjects), _CHUNK):
            wanted = list(subjects[start : start + _CHUNK])
            which = {"identities": {"$elemMatch": {"provider": provider, "sub": {"$in": wanted}}}}
            async for document in self._collection.find(which, {"identities": 1}):
                for one in document["identities"]:
                    if one["provider"] == provider:
                        found[one["sub"]] = document["_id"]
        return found

    async def settle_identities(self, account: Account) -> None:
        """The workspaces know these identities now; unless they have changed meanwhile."""
        which = {"_id": account.id, "version": account.version}
        await self._collection.update_one(which, {"$unset": {"identities_changed_at": ""}})

    async def unsettled(self, before: datetime, limit: int) -> list[tuple[str, Cause]]:
        """Accounts whose identities changed before then and are not settled, each with the request behind that."""
        return await self._caused({"identities_changed_at": {"$type": "date", "$lt": before}}, limit)

    async def erase(
        self, user_id: str, decide: Callable[[Account], Change], cause: Cause, *, also: Also | None = None
    ) -> None:
        """Make a tombstone as `decide` says, and leave nothing else in the document; mails that waited are not sent.

        `also` as in `Documents.change`. Raises what it and `decide` raise, and 404 `account-not-found`.
        """

        async def everything(session: DriverSession) -> None:
            await self._leave_a_tombstone(user_id, session)
            if also is not None:
                await also(session)

        await self.change(user_id, decide, cause, also=everything)

    async def _leave_a_tombstone(self, user_id: str, session: DriverSession) -> None:
        which = {"_id": user_id}
        document = await self._collection.find_one(which, session=session) or {}
        newest = f"{user_id}:v{document['version']}:"
        old = {"topic": topics.AUTH_MAIL.name, "id": {"$not": {"$regex": f"^{newest}"}}}
        gone = dict.fromkeys(document.keys() - TOMBSTONE, "")
        await self._collection.update_one(
            which, {"$pull": {"outbox": old}, **({"$unset": gone} if gone else {})}, session=session
        )

    async def unerased(self, now: datetime, limit: int) -> list[tuple[str, Cause]]:
        """Tombstones of which something may be kept elsewhere, each with the request behind it."""
        return await self._caused({"erase_at": {"$type": "date", "$lte": now}}, limit)

    async def settle_erased(self, user_id: str, now: datetime, last: timedelta) -> None:
        """Everything was erased just now; to be looked at once more when `last` has passed since the deletion."""
        later: Document = {"$add": ["$deleted_at", int(last / timedelta(milliseconds=1))]}
        again: Document = {"$cond": [{"$gt": [later, now]}, later, "$$REMOVE"]}
        await self._collection.update_one({"_id": user_id}, [{"$set": {"erase_at": again}}])
