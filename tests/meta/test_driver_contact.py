"""All contact with the database driver is in the plumbing and in the stores (design, chapter 2)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What lets a module reach a collection; documents and the names of faults may go anywhere.
DOORS = {"Client", "Collection", "Database", "connect", "ensure_indexes", "insert_in_order", "insert_new"}
QUERIES = {
    *("aggregate", "bulk_write", "count_documents", "create_indexes", "delete_many", "delete_one", "distinct"),
    *("find_one", "find_one_and_delete", "find_one_and_replace", "find_one_and_update", "insert_many", "insert_one"),
    *("replace_one", "update_many", "update_one", "watch"),
}
# Names of modules, beside the stores, that speak to the driver, and why.
ALLOWED = {
    "installer/addons/keys.py": "stores signing keys and webhook secrets",
    "installer/addons/listings.py": "looks add-ons up in their projection",
    "installer/delivery/departures.py": "marks deleted workspaces as settled in their projection",
    "installer/delivery/health.py": "stores the breakers, and reads operators' notices",
    "installer/known.py": "declares the projections",
    "installer/storage/queries.py": "is a store by another name",
    "installer/storage/requests.py": "inserts new installations for the store",
    "installer/web/reads.py": "asks the projections",
}


def is_store(path: Path) -> bool:
    """`store.py`, `store_users.py`, `feed_store.py`; and `main.py`, where everything is put together."""
    return path.stem in ("main", "store") or path.stem.startswith("store_") or path.stem.endswith("_store")


def contacts(source: str) -> Iterator[str]:
    """What in a module's source speaks to the driver, or gets hold of what does."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module="shared.plumbing.mongo", names=names):
                yield from (f"imports {one.name}" for one in names if one.name in DOORS)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in ("pymongo", "bson"):
                yield f"imports from {module}"
            case ast.Import(names=names):
                drivers = [one.name for one in names if one.name.partition(".")[0] in ("pymongo", "bson")]
                yield from (f"imports {name}" for name in drivers)
            case ast.Call(func=ast.Attribute(attr=name)) if name in QUERIES:
                yield f"calls {name}"
            case ast.Call(func=ast.Attribute(attr="find"), args=[ast.Dict(), *_]):
                yield "calls find with a query"
            case ast.Attribute(attr="collection"):
                yield "takes a collection"
            case ast.Subscript(value=ast.Name(id="database")):
                yield "takes a collection of the database"


def in_contact(services: Path) -> dict[str, list[str]]:
    """Modules in contact with the driver that are no stores, with what they do."""
    found = {
        str(path.relative_to(services)): sorted(set(contacts(path.read_text())))
        for path in services.rglob("*.py")
        if not is_store(path)
    }
    return {name: speaks for name, speaks in found.items() if speaks}


def test_nobody_speaks_to_the_driver_but_the_stores_and_those_with_a_reason() -> None:
    found = in_contact(ROOT / "services")

    assert {name: speaks for name, speaks in found.items() if name not in ALLOWED} == {}
    assert set(ALLOWED) <= set(found), "these need no exception any more"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("from shared.plumbing.mongo import Database, Document", ["imports Database"]),
        ("from pymongo.errors import DuplicateKeyError", ["imports from pymongo.errors"]),
        ("import bson.regex", ["imports bson.regex"]),
        ("users.collection.find({'_id': 1})", ["calls find with a query", "takes a collection"]),
        ("await self._sessions.update_one(which, change)", ["calls update_one"]),
        ("found = database['users']", ["takes a collection of the database"]),
        ("from shared.plumbing.mongo import Document, is_infrastructure_fault", []),
        ("place = text.find('x') + store.find(key)", []),
    ],
)
def test_the_guard_sees_a_contact(tmp_path: Path, source: str, told: list[str]) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "api.py").write_text(source.replace("await ", ""))
    (tmp_path / "auth" / "store_users.py").write_text("from pymongo import IndexModel")

    assert in_contact(tmp_path) == ({"auth/api.py": told} if told else {})
