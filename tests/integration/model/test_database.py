"""The model's database answers as MongoDB does: the same questions to both, so that it cannot drift."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from pymongo import IndexModel, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.installer.domain import Kind
from services.installer.saga.decide import Saga
from services.installer.saga.inputs import (
    CallReported,
    CancelAsked,
    Checked,
    CheckSent,
    Lease,
    Surroundings,
)
from services.installer.storage.indexes_store import INDEXES
from services.installer.store import AlreadyLive, Inserted, InstallationStore, Present
from shared.contracts.auth import Plan, Role, WorkspaceChecked
from shared.plumbing import mongo
from shared.plumbing.mongo import duplicate_indexes, insert_new
from shared.plumbing.outbox import clear_pipeline
from tests.model.database import Database, PerfectNetwork, Store
from tests.unit.installer.story import LIMITS, UNKNOWN, USER, addon, asked

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)


@pytest.fixture(params=["model", "mongodb"])
def base(request: pytest.FixtureRequest) -> mongo.Database:
    if request.param == "mongodb":
        return cast("mongo.Database", request.getfixturevalue("database"))
    return cast("mongo.Database", Database(Store(lambda: datetime.now(UTC)), PerfectNetwork()))


@pytest.fixture
async def things(base: mongo.Database) -> mongo.Collection:
    """Of every shape that filters tell apart."""
    collection = base[f"things_{secrets.token_hex(4)}"]
    await insert_new(
        collection,
        [
            {"_id": "a", "n": 1, "due_at": NOW, "lane": "x", "part": {"owner": "p1"}, "list": [{"id": 1}, {"id": 2}]},
            {"_id": "b", "n": 2, "due_at": LATER, "lane": "", "settled": None, "list": []},
            {"_id": "c", "n": 3, "lane": "y", "settled": True, "text": "$n"},
            {"_id": "e", "n": "3", "due_at": None, "part": {"owner": "p2", "until": NOW}},
        ],
    )
    return collection


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ({}, "abce"),
        ({"_id": {"$in": ["a", "c", "z"]}}, "ac"),
        ({"lane": {"$nin": ["x", ""]}}, "ce"),
        ({"lane": {"$ne": "x"}}, "bce"),
        ({"settled": None}, "abe"),
        ({"due_at": None}, "ce"),
        ({"due_at": {"$exists": False}}, "c"),
        ({"due_at": {"$exists": True}}, "abe"),
        ({"due_at": {"$type": "date"}}, "ab"),
        ({"due_at": {"$type": "date", "$lte": NOW}}, "a"),
        ({"due_at": {"$lt": LATER}}, "a"),
        ({"n": {"$lte": 2}}, "ab"),
        ({"n": {"$gt": 1}}, "bc"),
        ({"part.owner": "p2"}, "e"),
        ({"list.id": 2}, "a"),
        ({"$or": [{"n": 1}, {"lane": "y", "settled": True}]}, "ac"),
        ({"due_at": {"$type": "date"}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}, "ab"),
    ],
)
async def test_filters(things: mongo.Collection, which: dict[str, Any], expected: str) -> None:
    assert "".join([one["_id"] async for one in things.find(which).sort("_id", 1)]) == expected
    assert await things.count_documents(which) == len(expected)


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"n": 9, "part.owner": "p9", "new.inner": 1}},
        {"$unset": {"lane": "", "part.owner": "", "none": ""}},
        {"$inc": {"n": 2}, "$push": {"list": {"$each": [{"id": 3}, {"id": 4}], "$slice": -3}}},
        {"$push": {"made": {"$each": [1]}}},
        {"$setOnInsert": {"n": 7}},
        [{"$set": {"n": {"$literal": "$lane"}, "copy": "$lane", "gone": "$nothing"}}],
        [{"$set": {"list": {"$filter": {"input": "$list", "cond": {"$not": {"$in": ["$$this.id", [1]]}}}}}}],
        [{"$set": {"list": {"$slice": [{"$concatArrays": ["$list", [{"id": 3}]]}, -2]}}}, {"$unset": ["lane", "part"]}],
        [{"$set": {"due_at": {"$cond": [{"$gt": [{"$size": "$list"}, 0]}, {"$ifNull": ["$no", "$n"]}, "$$REMOVE"]}}}],
        [{"$set": {"due_at": {"$cond": [{"$gt": [{"$size": "$list"}, 2]}, "$n", "$$REMOVE"]}, "part.owner": "p3"}}],
        [{"$set": {"due_at": {"$add": ["$due_at", 1500]}}}],
    ],
)
async def test_updates(things: mongo.Collection, update: Any) -> None:
    """What MongoDB makes of it stands in the test below; here the model must make the same."""
    await things.update_one({"_id": "a"}, update)
    model = Database(Store(lambda: datetime.now(UTC)), PerfectNetwork())["things"]
    await model.insert_one(
        {"_id": "a", "n": 1, "due_at": NOW, "lane": "x", "part": {"owner": "p1"}, "list": [{"id": 1}, {"id": 2}]}
    )
    await model.update_one({"_id": "a"}, update)
    assert await things.find_one({"_id": "a"}) == await model.find_one({"_id": "a"})


async def test_clearing_an_outbox(base: mongo.Database) -> None:
    boxes = base[f"boxes_{secrets.token_hex(4)}"]
    await boxes.insert_one({"_id": 1, "outbox": [{"id": "x"}, {"id": "y"}], "outbox_since": NOW})
    await boxes.update_one({"_id": 1}, clear_pipeline(["x"]))
    assert await boxes.find_one({"_id": 1}) == {"_id": 1, "outbox": [{"id": "y"}], "outbox_since": NOW}
    await boxes.update_one({"_id": 1}, clear_pipeline(["y"]))
    assert await boxes.find_one({"_id": 1}) == {"_id": 1, "outbox": []}


async def test_projecting_sorting_and_cutting(things: mongo.Collection) -> None:
    assert await things.find({}, {"n": 1}).sort("_id", -1).limit(1).to_list() == [{"_id": "e", "n": "3"}]
    assert await things.find_one({"_id": "c"}, {"_id": 0, "n": 0, "text": 0}) == {"lane": "y", "settled": True}
    assert set(await things.distinct("lane", {})) == {"x", "", "y"}


async def test_counting_what_a_bulk_met(things: mongo.Collection) -> None:
    hit, miss = UpdateOne({"_id": "a", "n": 1}, {"$set": {"n": 5}}), UpdateOne({"_id": "b", "n": 1}, {"$set": {"n": 5}})
    assert (await things.bulk_write([hit, miss], ordered=False)).matched_count == 1
    again = await things.bulk_write([hit, UpdateOne({"_id": "a"}, {"$set": {"n": 5}})], ordered=False)
    assert (again.matched_count, again.modified_count) == (1, 0)
    assert (await things.update_one({"_id": "a"}, {"$set": {"n": 6}})).modified_count == 1


async def test_replacing_what_is_as_expected(things: mongo.Collection) -> None:
    assert (await things.replace_one({"_id": "a", "n": 9}, {"_id": "a", "n": 2})).matched_count == 0
    assert (await things.replace_one({"_id": "a", "n": 1}, {"_id": "a", "n": 2})).modified_count == 1
    assert await things.find_one({"_id": "a"}) == {"_id": "a", "n": 2}


async def test_unique_indexes_and_upserts(base: mongo.Database) -> None:
    pairs = base[f"pairs_{secrets.token_hex(4)}"]
    partial = {"live": True}
    await pairs.create_indexes([IndexModel([("w", 1), ("a", 1)], unique=True, partialFilterExpression=partial)])
    rows = [{"_id": n, "w": 1, "a": 1, "live": n < 3} for n in range(1, 5)]
    assert await insert_new(pairs, rows) == {1}
    assert await insert_new(pairs, [{"_id": 1, "w": 5, "a": 5}, {"_id": 9, "w": 5, "a": 5}]) == {0}
    with pytest.raises(DuplicateKeyError):
        await pairs.insert_one({"_id": 8, "w": 1, "a": 1, "live": True})
    newer: list[UpdateOne | ReplaceOne[mongo.Document]] = [
        UpdateOne({"_id": 20, "version": {"$lt": 2}}, {"$set": {"version": 2}, "$setOnInsert": {"x": 1}}, upsert=True),
        ReplaceOne({"_id": 20, "version": {"$lt": 3}}, {"version": 3}, upsert=True),
        UpdateOne({"_id": 20, "version": {"$lt": 3}}, {"$set": {"version": 3}}, upsert=True),
    ]
    with pytest.raises(BulkWriteError) as older:
        await pairs.bulk_write(newer, ordered=False)
    assert duplicate_indexes(older.value) == {2}
    assert await pairs.find_one({"_id": 20}) == {"_id": 20, "version": 3}


class _Standing:
    def now(self) -> datetime:
        return NOW


async def test_the_store_itself(base: mongo.Database) -> None:
    """A whole story through the real store: the same installation, the same refusals, the same losers."""
    first, second = (InstallationStore(base, Saga(LIMITS), _Standing()) for _ in range(2))
    await base["installations"].create_indexes(list(INDEXES))
    request = asked(idempotency_key="one", workspace_id=secrets.token_hex(12), user_id=secrets.token_hex(12))
    made = await first.insert_requested(request)
    assert isinstance(made, Inserted)
    assert isinstance(await second.insert_requested(request), Present)
    other = asked(idempotency_key="two", workspace_id=request.workspace_id, user_id=request.user_id)
    assert isinstance(await second.insert_requested(other), AlreadyLive)
    one = made.installation.id
    await first.apply([(one, CheckSent(1, tuple(entry["id"] for entry in made.installation.outbox)))])
    around = Surroundings(addon=addon(), lease=Lease("p1", NOW + timedelta(seconds=6)))
    answer = WorkspaceChecked(
        installation_id=one,
        check=1,
        workspace_id=request.workspace_id,
        user_id=request.user_id,
        found=True,
        active=True,
        role=Role.OWNER,
        verified=True,
        plan=Plan.PRO,
    )
    await second.apply([(one, Checked("reply", answer, around))])
    await first.prolong([one], "p1", timedelta(seconds=9))
    await first.apply([(one, CallReported(Kind.INSTALLED, 1, 1, UNKNOWN))])  # deciding on what `second` changed
    await second.apply([(one, CancelAsked(USER))])
    found = await base["installations"].find_one({"_id": one})
    assert found is not None
    del found["tok"]
    told = {name: found.get(name) for name in ("state", "outcome", "cleanup", "version", "seq", "live", "outbox_since")}
    assert told == {
        "state": "FAILED",
        "outcome": "failed",
        "cleanup": "owed",
        "version": 5,
        "seq": 2,
        "live": None,
        "outbox_since": NOW,
    }
    assert [entry["id"] for entry in found["outbox"]] == [f"{one}:2"]
    assert await first.stranded(thorough=True) == {}
    third = await second.insert_requested(other)
    assert isinstance(third, Inserted)
    assert third.installation.generation == 2
    assert [each.id for each in (await first.open_before([third.installation]))[third.installation.id]] == [one]
