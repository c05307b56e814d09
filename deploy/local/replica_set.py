"""Make mongods a replica set, and wait until it takes writes: `replica_set 127.0.0.1:27017 MEMBER...`.

The first address is where one of them listens, the others are where the members find each other. Runs inside the
virtual environment.
"""

import sys
import time

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.05
NOT_YET_INITIALIZED = 94
MEMBER_OF_ANOTHER = 93  # error InvalidReplicaSetConfig
NOT_THERE_YET = 74  # error NodeNotFound: the other members are still starting

Client = pymongo.MongoClient[dict[str, object]]


def main(address: str, *members: str) -> None:
    client: Client = pymongo.MongoClient(f"mongodb://{address}/?directConnection=true", serverSelectionTimeoutMS=10_000)
    wanted = [{"_id": number, "host": member} for number, member in enumerate(members or (address,))]
    end = time.monotonic() + WAIT_SECONDS
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as failure:
        if failure.code == NOT_YET_INITIALIZED:
            _initiate(client, wanted, end)
        elif failure.code == MEMBER_OF_ANOTHER:  # the data is older than the port
            kept = client.local["system.replset"].find_one() or {}
            client.admin.command("replSetReconfig", kept | {"members": wanted}, force=True)
        else:
            raise
    while not client.admin.command("hello").get("primary"):
        if time.monotonic() > end:
            sys.exit(f"{address} did not become a primary in {WAIT_SECONDS:.0f} s")
        time.sleep(PAUSE_SECONDS)
    client.close()


def _initiate(client: Client, members: list[dict[str, object]], end: float) -> None:
    while True:
        try:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        except OperationFailure as failure:
            if failure.code != NOT_THERE_YET or time.monotonic() > end:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except PyMongoError as error:
        sys.exit(f"MongoDB at {sys.argv[1]}: {error}")
