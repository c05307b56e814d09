"""Make a mongod a replica set of one, and wait until it takes writes: `replica_set 127.0.0.1:27017`.

Runs inside the virtual environment.
"""

import sys
import time

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

WAIT_SECONDS = 60.0
NOT_YET_INITIALIZED = 94
MEMBER_OF_ANOTHER = 93  # error InvalidReplicaSetConfig


def main(address: str) -> None:
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        f"mongodb://{address}/?directConnection=true", serverSelectionTimeoutMS=10_000
    )
    only_member = [{"_id": 0, "host": address}]
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as failure:
        if failure.code == NOT_YET_INITIALIZED:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": only_member})
        elif failure.code == MEMBER_OF_ANOTHER:  # the data is older than the port
            kept = client.local["system.replset"].find_one() or {}
            client.admin.command("replSetReconfig", kept | {"members": only_member}, force=True)
        else:
            raise
    end = time.monotonic() + WAIT_SECONDS
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > end:
            sys.exit(f"{address} did not become a primary in {WAIT_SECONDS:.0f} s")
        time.sleep(0.05)
    client.close()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except PyMongoError as error:
        sys.exit(f"MongoDB at {sys.argv[1]}: {error}")
