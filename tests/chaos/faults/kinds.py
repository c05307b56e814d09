"""What a kind of fault is, and what it is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tests.chaos.addons import AddOns
from tests.chaos.cluster import Cluster


@dataclass(frozen=True)
class Arena:
    """What a fault may touch. `random` belongs to this one fault, so that it hits the same when it is replayed."""

    cluster: Cluster
    addons: AddOns
    random: Random


def always(_: Cluster) -> str:
    """Runs anywhere."""
    return ""


def with_three(cluster: Cluster) -> str:
    """Where one node is all there is, losing it is another fault."""
    return "" if len(cluster.members) > 1 else "needs three brokers and three members"


@dataclass(frozen=True)
class Kind:
    """`run` hurts and undoes it, and says whom it has hit. `lacks` says why it cannot run here, or nothing.

    At most one fault of a lane goes on at a time. `most` bounds how often a run has it.
    """

    name: str
    lane: str  # processes | servers | addons
    run: Callable[[Arena], Awaitable[str]]
    lacks: Callable[[Cluster], str] = always
    most: int = 1000
