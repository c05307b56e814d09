from pathlib import Path

import pytest

from tests.infrastructure import start_infrastructure


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KAFKA", raising=False)
    monkeypatch.delenv("TEST_MONGO", raising=False)


def test_without_a_docker_engine_tests_in_containers_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_INFRA", "containers")
    monkeypatch.setattr("tests.infrastructure.docker_answers", lambda: False)

    with pytest.raises(pytest.skip.Exception, match="needs a Docker engine"), start_infrastructure(tmp_path):
        pass


def test_an_infrastructure_that_there_is_not_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_INFRA", "cloud")

    with pytest.raises(ValueError, match="local or containers, not cloud"), start_infrastructure(tmp_path):
        pass
