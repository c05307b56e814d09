"""Live updates of one installation."""

import asyncio
from typing import Any

import pytest

from services.notifier import access
from shared.contracts.installer import Outcome as InstallOutcome
from shared.contracts.installer import State
from tests.integration.notifier.messages import Person, installation, workspace
from tests.integration.notifier.parts import Notifier
from tests.integration.notifier.streaming import slug, stream
from tests.users import new_id

V1 = "/api/notifier/v1"


async def test_an_installation_sends_its_state_now_and_each_newer_one(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada, version=3, trouble=True))
    path = f"{V1}/installations/{install}/stream"
    async with stream(base, path, souk.headers(ada)) as events:
        first = await events.next()
        done: dict[str, Any] = {"state": State.INSTALLED, "outcome": InstallOutcome.INSTALLED, "seq": 2}
        await souk.tell(installation(install, space, ada, version=5, **done))
        second = await events.next()
    async with stream(base, path, souk.headers(ada), second.id) as events:
        await souk.tell(installation(install, space, ada, version=6, state=State.UNINSTALLED))
        third = await events.next()

    assert (first.event, first.id, first.data["state"], first.data["screen"]) == (
        "state",
        "3",
        "DELIVERING",
        "maintenance",
    )
    assert (second.id, second.data["outcome"], second.data["seq"], second.data["screen"]) == ("5", "installed", 2, None)
    assert (third.id, third.data["state"]) == ("6", "UNINSTALLED")


async def test_the_stream_of_an_install_just_accepted_waits_for_its_state(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]))

    async def later() -> None:
        await asyncio.sleep(0.3)
        await souk.tell(installation(install, space, ada))

    arriving = asyncio.ensure_future(later())
    async with stream(base, f"{V1}/installations/{install}/stream", souk.headers(ada)) as events:
        assert (await events.next()).data["installation_id"] == install
    await arriving


async def test_an_installation_of_others_does_not_exist(
    souk: Notifier, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "PATIENCE", (0.01,))
    ada, eve, space, install = Person(), Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada))
    for path, person in ((install, eve), (new_id(), ada)):
        async with stream(base, f"{V1}/installations/{path}/stream", souk.headers(person)) as refused:
            assert await slug(refused) == (404, "installation-not-found")
            assert refused.response.headers["retry-after"] == "1"
    async with stream(base, f"{V1}/installations/{install}/stream", souk.headers(ada), "x") as refused:
        assert await slug(refused) == (400, "invalid-cursor")
