"""The virtual environment: made once, and made again when its making was interrupted."""

from pathlib import Path

import pytest

from deploy.local import environment
from deploy.local.process import StartError


@pytest.mark.slow
def test_it_is_made_once_and_completed_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements, venv, stamps = tmp_path / "none.txt", tmp_path / "venv", tmp_path / "stamps"
    requirements.write_text("# nothing is needed\n")
    monkeypatch.setattr(environment, "SETUP_LOG", tmp_path / "setup.log")

    environment.ensure(requirements, venv, stamps)
    assert "making venv" in capsys.readouterr().out
    environment.ensure(requirements, venv, stamps)
    assert capsys.readouterr().out == ""

    # Interrupted before the stamp was written: what is there is used.
    (stamps / "environment").unlink()
    environment.ensure(requirements, venv, stamps)
    assert "making venv" not in (told := capsys.readouterr().out)
    assert "installing none.txt" in told

    # Interrupted while it was made: half an environment is no environment.
    (venv / "bin" / "python").unlink()
    environment.ensure(requirements, venv, stamps)
    assert "making venv" in capsys.readouterr().out

    # Other requirements: installed again.
    requirements.write_text("souk-no-such-thing==1 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(StartError, match=r"installing none\.txt with pip: it ended with status 1"):
        environment.ensure(requirements, venv, stamps)
