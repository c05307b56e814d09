"""Which tokens an installation stands for, state by state."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.installer.addons.access import AddOnProblem, Caller, stands
from services.installer.addons.token_reading import AddOnToken
from services.installer.addons.tokens import Use
from services.installer.domain import Check, Installation, Tokens, Workspace
from shared.contracts.installer import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = AddOnToken(
    use=Use.INSTALLATION,
    kid="1-test",
    jti="j1",
    addon_key="timer",
    workspace_id="a" * 24,
    installation_id="b" * 24,
    user_id="c" * 24,
    issued_at=1000,
    expires_at=9000,
)
USER_TOKEN = replace(TOKEN, use=Use.USER, jti="j1.u1", issued_at=2000)


HELD = Tokens("j1", 1000, "1-test")


def installation(state: State, tokens: Tokens | None = HELD) -> Installation:
    return Installation(
        id="b" * 24,
        workspace_id="a" * 24,
        addon_key="timer",
        addon_name="Timer",
        generation=1,
        user_id="c" * 24,
        request="",
        if_unavailable="wait",
        acknowledged=(),
        correlation_id="corr",
        requested_at=NOW,
        changed_at=NOW,
        state=state,
        check=Check(1, NOW),
        workspace=Workspace(owner_id="d" * 24),
        tokens=tokens,
    )


@pytest.mark.parametrize(
    ("state", "reads", "writes"),
    [
        (State.REQUESTED, False, False),
        (State.CHECKING, False, False),
        (State.DELIVERING, True, False),
        (State.WAITING, True, False),
        (State.INSTALLED, True, True),
        (State.FAILED, False, False),
        (State.UNINSTALLED, False, False),
    ],
)
def test_tokens_read_before_the_add_on_confirmed_and_die_with_the_end(state: State, reads: bool, writes: bool) -> None:
    one = installation(state)
    assert stands(TOKEN, one) is reads
    assert Caller(TOKEN, one).may_write is writes
    assert stands(USER_TOKEN, one) is writes


@pytest.mark.parametrize(
    "token",
    [
        replace(TOKEN, jti="j0"),
        replace(TOKEN, issued_at=999),
        replace(TOKEN, kid="2-test"),
        replace(TOKEN, addon_key="other"),
        replace(TOKEN, workspace_id="e" * 24),
        replace(TOKEN, use=Use.WEBHOOK),
        replace(TOKEN, use=Use.LIFECYCLE),
        replace(USER_TOKEN, jti="j0.u1"),
        replace(USER_TOKEN, jti="j1"),
        replace(USER_TOKEN, kid="2-test"),
    ],
)
def test_another_token_of_ours_opens_nothing(token: AddOnToken) -> None:
    assert not stands(token, installation(State.INSTALLED))


def test_without_tokens_nothing_stands() -> None:
    assert not stands(TOKEN, installation(State.INSTALLED, None))


def test_no_other_workspace_exists_for_a_token() -> None:
    caller = Caller(TOKEN, installation(State.INSTALLED))
    assert caller.within("a" * 24) is caller
    with pytest.raises(AddOnProblem) as refusal:
        caller.within("e" * 24)
    assert (refusal.value.status, refusal.value.code) == (404, 404)
