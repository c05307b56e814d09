"""How personal access tokens look."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.auth.personal_tokens.rules import SCOPES
from services.auth.personal_tokens.texts import looks_right, new_personal_token


def test_a_new_token_looks_right_and_every_changed_one_wrong() -> None:
    token = new_personal_token()
    assert re.fullmatch(r"souk_pat_[0-9A-Za-z]{49}", token)
    assert looks_right(token)
    for position in range(len(token)):
        changed = token[:position] + ("x" if token[position] != "x" else "y") + token[position + 1 :]
        assert not looks_right(changed)


@given(st.text(max_size=200) | st.text(alphabet="0Aaz", min_size=49, max_size=49).map("souk_pat_{}".format))
def test_other_texts_look_wrong(text: str) -> None:
    assert not looks_right(text)


def test_tokens_are_made_by_chance() -> None:
    assert len({new_personal_token() for _ in range(100)}) == 100


def test_no_scope_lets_a_program_write_at_auth() -> None:
    assert {scope for scope in SCOPES if scope.startswith("auth:")} == {"auth:read"}
