"""The listeners of one process."""

from typing import Any

from services.notifier.live import Hub, Listener


def test_of_many_that_come_in_at_once_only_so_many_stay_as_there_is_room() -> None:
    nothing: Any = None
    hub = Hub(nothing, nothing, most=3, most_per_user=2)
    hers, his = [Listener("ada", "w") for _ in range(3)], Listener("bob", "w")
    for one in (*hers, his):
        hub.check_room(one.user_id)  # each is let in before any of them listens

    with hub.join(hers[0]), hub.join(hers[1]), hub.join(hers[2]), hub.join(his):
        assert [one.over for one in hers] == [None, None, "too-many-streams"]
        assert his.over == "streams-exhausted"

    with hub.join(again := Listener("ada", "w")):
        assert again.listens
