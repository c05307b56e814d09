"""Live updates of one installation."""

import asyncio
from typing import Any

import pytest

from services.notifier import access
from shared.contracts.installer import Outcome as InstallOutcome
from shared.contracts.installer import State
from tests.integration.notifier.messages import Person, installation, installed, workspace
from tests.integration.notifier.parts import Notifier
from tests.integration.notifier.streaming import slug, stream
from tests.users import new_id

V1 = "/api/notifier/v1"


async def test_an_installation_sends_its_state_and_then_what_is_new(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada, version=3, trouble=True))
    done: dict[str, Any] = {"state": State.INSTALLED, "outcome": InstallOutcome.INSTALLED, "seq": 2}
    async with stream(base, f"{V1}/installations/{install}/stream", souk.headers(ada)) as events:
        now = await events.next()
        await souk.receive(souk.envelope(installed(ada, space, installation_id=install), seq=2))
        event = await events.next()
        await souk.tell(installation(install, space, ada, version=5, **done))
        state = await events.next()

    assert (now.event, now.id, now.data["state"], now.data["screen"]) == ("state", "1", "DELIVERING", "maintenance")
    assert (event.event, event.id, event.data["seq"]) == ("AddOnInstalled", "2", 2)
    assert event.data["data"]["installation_id"] == install
    assert (state.event, state.id, state.data["outcome"], state.data["screen"]) == ("state", "2", "installed", None)


async def test_it_resumes_with_the_state_and_each_event_after_the_last_once(souk: Notifier, base: str) -> None:
    ada, space, install, other = Person(), new_id(), new_id(), new_id()
    told = [souk.envelope(installed(ada, space, installation_id=install), seq=seq) for seq in (1, 2, 3)]
    again = [souk.envelope(one.data, event_id=one.id, seq=one.seq) for one in told[:2]]
    foreign = souk.envelope(installed(ada, space, installation_id=other), seq=2)
    await souk.tell(workspace(space, [ada]), installation(install, space, ada, version=9, seq=3))
    await souk.receive(*told[:2], *again, told[2], foreign)
    path = f"{V1}/installations/{install}/stream"

    for version, last, expected in ((10, "1", [2, 3]), (11, "0", [1, 2, 3]), (12, "3", [])):
        async with stream(base, path, souk.headers(ada), last) as events:
            state = await events.next()
            seen = [await events.next() for _ in expected]
            await souk.tell(installation(install, space, ada, version=version, seq=3))
            after = await events.next()

        assert (state.event, state.id, state.data["seq"]) == ("state", last, 3)
        assert [(one.event, one.id, one.data["seq"]) for one in seen] == [
            ("AddOnInstalled", str(seq), seq) for seq in expected
        ]
        assert (after.event, after.id) == ("state", "3")


async def test_whoever_comes_without_a_position_hears_no_event_that_the_state_holds(souk: Notifier, base: str) -> None:
    ada, space, install = Person(), new_id(), new_id()
    await souk.tell(workspace(space, [ada]), installation(install, space, ada, version=9, seq=2))
    async with stream(base, f"{V1}/installations/{install}/stream", souk.headers(ada)) as events:
        state = await events.next()
        late = [souk.envelope(installed(ada, space, installation_id=install), seq=seq) for seq in (1, 2, 3)]
        await souk.receive(*late)
        event = await events.next()

    assert (state.event, state.id) == ("state", "2")
    assert (event.event, event.id) == ("AddOnInstalled", "3")


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
