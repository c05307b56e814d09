import base64
from pathlib import Path

from deploy.local import keys


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "stack" / "secrets.env"

    first = keys.ensure(file, {"A": keys.token, "B": keys.token})

    assert keys.ensure(file, {"A": keys.token, "B": keys.token}) == first
    assert first["A"] != first["B"]


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    keys.ensure(tmp_path / "secrets.env", {"A": keys.token})

    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_new_secret_is_added_beside_those_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("A=kept=with=signs\n")

    assert keys.ensure(file, {"A": keys.token, "B": lambda: "new"}) == {"A": "kept=with=signs", "B": "new"}
    assert file.read_text() == "A=kept=with=signs\nB=new\n"


def test_a_key_is_256_random_bits_in_base64() -> None:
    assert len(base64.b64decode(keys.key_256(), validate=True)) == 32
    assert keys.key_256() != keys.key_256()
