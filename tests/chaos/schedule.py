"""Which faults a run has: a pure function of its seed and of what can run."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.faults import addons, messages, processes, servers
from tests.chaos.faults.kinds import Kind

ALL_KINDS: tuple[Kind, ...] = (*processes.KINDS, *servers.KINDS, *messages.KINDS, *addons.KINDS)
# Of one hundred faults beyond the first of each kind: about as many as a lane gets through in the same time.
SHARES = {"processes": 42, "servers": 34, "addons": 24}


@dataclass(frozen=True, slots=True)
class Step:
    """One fault. `seed` decides whom it hits; `first` of its kind."""

    number: int
    kind: str
    seed: int
    first: bool = True


def schedule(seed: int, faults: int, kinds: Sequence[Kind]) -> dict[str, list[Step]]:
    """The steps of each lane, which goes through them one by one. Every kind is there first; then chance fills up."""
    random = Random(seed)
    first, more = list(kinds), list[Kind]()
    counted = Counter(kind.name for kind in kinds)
    lanes = {lane: [kind for kind in kinds if kind.lane == lane] for lane in SHARES}
    shares = {lane: share for lane, share in SHARES.items() if lanes[lane]}
    while len(first) + len(more) < faults:
        (lane,) = random.choices(list(shares), list(shares.values()))
        kind = random.choice(lanes[lane])
        if counted[kind.name] < kind.most:
            counted[kind.name] += 1
            more.append(kind)
    random.shuffle(first)
    random.shuffle(more)
    steps: dict[str, list[Step]] = defaultdict(list)
    for number, kind in enumerate([*first, *more], start=1):
        steps[kind.lane].append(Step(number, kind.name, random.getrandbits(32), number <= len(first)))
    return dict(steps)
