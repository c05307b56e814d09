"""How the add-on behaves when it is called: well, or in one of the ways that add-ons fail."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self


class Mode(StrEnum):
    OK = "ok"
    REFUSE = "refuse"  # 4xx with a reason
    ERROR = "error"  # 500
    HANG = "hang"  # no answer, ever
    SLOW = "slow"  # waits, then does the work and answers
    LATE = "late"  # does the work, then waits longer than the caller does
    RESET = "reset"  # closes the connection in place of an answer
    DRIP = "drip"  # says 200 and then sends a body without an end
    DOWN = "down"  # connection refused; the door of the whole process is shut


# Work that was done once is neither refused nor slow the second time; a broken server stays broken.
SPARES_DUPLICATES = {Mode.REFUSE, Mode.SLOW, Mode.LATE}
DOES_THE_WORK = {Mode.OK, Mode.SLOW, Mode.LATE, Mode.DRIP}
DEFAULT_SECONDS = {Mode.SLOW: 5.0, Mode.LATE: 30.0, Mode.DRIP: 0.1}
DEFAULT_STATUS = {Mode.REFUSE: 403, Mode.ERROR: 500}
MAX_SECONDS = 3600.0


@dataclass(frozen=True)
class Behaviour:
    mode: Mode = Mode.OK
    seconds: float = 0.0
    status: int = 200
    reason: str = "this add-on does not want to be installed here"
    applies: bool = True  # whether a call has its effect
    times: int | None = None  # after so many calls all is well again

    @classmethod
    def parse(cls, order: dict[str, Any]) -> Self:
        """Raises ValueError or TypeError, naming the field."""
        try:
            mode = Mode(order.get("mode", "ok"))
        except ValueError as error:
            raise ValueError(f"mode: one of {', '.join(Mode)}") from error
        reason = order.get("reason", cls.reason)
        if not isinstance(reason, str):
            raise TypeError("reason: a text")
        times = order.get("times")
        return cls(
            mode=mode,
            seconds=_number("seconds", order.get("seconds", DEFAULT_SECONDS.get(mode, 0.0)), 0, MAX_SECONDS),
            status=int(_number("status", order.get("status", DEFAULT_STATUS.get(mode, 200)), 200, 599)),
            reason=reason,
            applies=bool(order.get("apply", mode in DOES_THE_WORK)),
            times=None if times is None else int(_number("times", times, 1, 1_000_000)),
        )


def _number(field: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{field}: a number from {low:g} to {high:g}")
    return value


class Behaviours:
    """One behaviour for every workspace, and others for single workspaces."""

    def __init__(self) -> None:
        self._chosen: dict[str | None, Behaviour] = {}

    def choose(self, behaviour: Behaviour, workspace_id: str | None) -> None:
        self._chosen[workspace_id] = behaviour

    def forget(self) -> None:
        self._chosen.clear()

    def next_for(self, workspace_id: str, *, duplicate: bool) -> Behaviour:
        """The behaviour for the next call; counts it if the behaviour is for a number of calls only."""
        chooser = workspace_id if workspace_id in self._chosen else None
        behaviour = self._chosen.get(chooser, Behaviour())
        if duplicate and behaviour.mode in SPARES_DUPLICATES:
            return Behaviour()
        if behaviour.times == 1:
            del self._chosen[chooser]
        elif behaviour.times is not None:
            self._chosen[chooser] = replace(behaviour, times=behaviour.times - 1)
        return behaviour

    def shown(self) -> dict[str, Behaviour]:
        return {workspace_id or "all": behaviour for workspace_id, behaviour in self._chosen.items()}
