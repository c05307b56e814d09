"""Mails, and the results that wait to become one: a collection each, and one for the pace of each person."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel, UpdateOne

from services.notifier.domain import REMEMBERED, TOO_LATE, MailState
from services.notifier.due_store import Due
from shared.plumbing.mongo import Database, Document, ensure_indexes, insert_new

RESULTS_KEPT = timedelta(days=2)  # a result older than 24 h sends no mail, so no duplicate of it can either
MOST_COUNTED = 10_000
_DUE = {"due_at": {"$type": "date"}}


class MailStore:
    """A mail's `_id` is made of its cause and its recipient, so a cause that comes again adds nothing.

    `due_mails` are to be sent, the urgent ones first; `due_digests` are people (`_id`) with results to be mailed.
    """

    def __init__(self, database: Database) -> None:
        self._mails = database["mails"]
        self._results = database["results"]
        self._digests = database["digests"]
        self.due_mails = Due(self._mails, order=("urgency", "due_at"))
        self.due_digests = Due(self._digests)

    async def prepare(self) -> None:
        """Create the indexes."""
        forget = IndexModel([("forget_at", 1)], name="forget", expireAfterSeconds=0)
        await ensure_indexes(
            self._mails,
            [
                forget,
                IndexModel([("urgency", 1), ("due_at", 1)], name="due", partialFilterExpression=_DUE),
                IndexModel([("due_at", 1)], name="next", partialFilterExpression=_DUE),
                IndexModel([("ended_at", 1)], name="undelivered", partialFilterExpression={"undelivered": True}),
                IndexModel(
                    [("notice_id", 1), ("_id", 1)],
                    name="notice",
                    partialFilterExpression={"notice_id": {"$exists": True}},
                ),
            ],
        )
        await ensure_indexes(
            self._results,
            [
                forget,
                IndexModel(
                    [("user_id", 1), ("at", 1)], name="pending", partialFilterExpression={"pending": {"$eq": True}}
                ),
            ],
        )
        await ensure_indexes(self._digests, [IndexModel([("due_at", 1)], name="due", partialFilterExpression=_DUE)])

    async def add(self, mails: Sequence[Document]) -> list[bool]:
        """Store new mails, due as they say. Tells for each whether it is new."""
        if not mails:
            return []
        first = {"state": MailState.DUE, "attempts": 0}
        known = await insert_new(
            self._mails, [one | first | {"forget_at": one["created_at"] + REMEMBERED} for one in mails]
        )
        return [index not in known for index in range(len(mails))]

    async def finish(self, mail_id: str, state: MailState, now: datetime, error: str | None = None) -> None:
        """The mail has come to its end; what is secret in it is forgotten."""
        ended: Document = {"state": state, "ended_at": now, "error": error}
        if state is MailState.FAILED or error == TOO_LATE:
            ended["undelivered"] = True
        await self._mails.update_one(
            {"_id": mail_id},
            {
                "$set": ended,
                "$unset": {"due_at": "", "sealed_address": "", "sealed_link": "", "parameters": ""},
            },
        )

    async def undelivered(self, since: datetime) -> int:
        """How many mails came to nothing after `since`, up to a bound. Those of accounts that are gone do not count."""
        which = {"undelivered": True, "ended_at": {"$gt": since}}
        return await self._mails.count_documents(which, limit=MOST_COUNTED)

    async def postpone(self, mail_id: str, due_at: datetime, error: str, *, attempted: bool) -> None:
        """Try again at `due_at`."""
        await self._mails.update_one(
            {"_id": mail_id, "state": MailState.DUE},
            {"$set": {"due_at": due_at, "error": error}, "$inc": {"attempts": int(attempted)}},
        )

    async def told(self, notice_id: str, after: str, limit: int) -> list[Document]:
        """Who was, or is to be, told of a notice."""
        which = {"notice_id": notice_id, "_id": {"$gt": after}}
        return await self._mails.find(which).sort("_id", 1).limit(limit).to_list()

    async def add_results(self, results: Sequence[Document]) -> list[bool]:
        """Keep results for their person's next digest. Tells for each whether it is new."""
        if not results:
            return []
        documents = [one | {"pending": True, "forget_at": one["at"] + RESULTS_KEPT} for one in results]
        known = await insert_new(self._results, documents)
        return [index not in known for index in range(len(results))]

    async def wish_digests(self, user_ids: Sequence[str], at: datetime) -> None:
        """Make these people's digests due at `at`, unless one is due already: then that one will hold it.

        `wishes` counts, so that whoever finds nothing to send does not undo a wish made meanwhile.
        """
        due: Document = {"$cond": [{"$eq": [{"$type": "$due_at"}, "date"]}, "$due_at", at]}
        wishes: Document = {"$add": [{"$ifNull": ["$wishes", 0]}, 1]}
        await self._digests.bulk_write(
            [UpdateOne({"_id": one}, [{"$set": {"due_at": due, "wishes": wishes}}], upsert=True) for one in user_ids],
            ordered=False,
        )

    async def pending_results(self, user_id: str, limit: int) -> list[Document]:
        """What the person has not been mailed, oldest first."""
        which = {"user_id": user_id, "pending": True}
        return await self._results.find(which).sort("at", 1).limit(limit).to_list()

    async def begin_digest(self, digest: Document, first: str) -> bool:
        """Note which result names the mail that is about to be made; False if somebody has closed it meanwhile.

        The name has to outlive a crash: a result that arrives late may be the oldest one by then, and a mail of another
        name would tell the same results again.
        """
        which = {"_id": digest["_id"], "closing": {"$exists": False}, "closes": digest.get("closes")}
        return (await self._digests.update_one(which, {"$set": {"closing": first}})).matched_count == 1

    async def close_digest(self, user_id: str, first: str, mail: Document | None, next_at: datetime) -> None:
        """Turn results into one mail, of the name that was begun; the person's next one is not before `next_at`.

        The mail's own list is the truth: after a crash in between, the mail that is there already says which
        results it holds, and the rest stay pending.
        """
        if mail is not None:
            await self.add([mail])
            kept = await self._mails.find_one({"_id": mail["_id"]}, {"taken": 1})
            taken = kept["taken"] if kept else []
            await self._results.update_many({"_id": {"$in": taken}}, {"$unset": {"pending": ""}})
        closed: Document = {"$set": {"due_at": next_at}, "$unset": {"closing": ""}, "$inc": {"closes": 1}}
        await self._digests.update_one({"_id": user_id, "closing": first}, closed)

    async def rest_digest(self, digest: Document) -> None:
        """Nothing is pending: not due any more, unless somebody has wished for it since it was claimed."""
        await self._digests.update_one({"_id": digest["_id"], "wishes": digest["wishes"]}, {"$unset": {"due_at": ""}})
