import pytest

from deploy.local.machine import Missing, java_is_new_enough, told


def test_all_that_is_missing_is_told_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)

    message = told(
        [
            Missing("libcurl.so.4", "the MongoDB binary is linked to it", "libcurl4"),
            Missing("Maven (mvn)", "it fetches the jars of Apache Kafka", "maven"),
            Missing("caddy on the PATH", "the wheel with Caddy is for x86-64 Linux only"),
        ]
    )

    assert message == (
        "This machine lacks:\n"
        "  - libcurl.so.4: the MongoDB binary is linked to it\n"
        "  - Maven (mvn): it fetches the jars of Apache Kafka\n"
        "  - caddy on the PATH: the wheel with Caddy is for x86-64 Linux only\n"
        "On Debian or Ubuntu: apt-get update && apt-get install -y libcurl4 maven"
    )


def test_somebody_else_than_root_is_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert told([Missing("Java", "why", "java")]).endswith("sudo apt-get update && sudo apt-get install -y java")


@pytest.mark.parametrize(
    ("version", "enough"), [("17.0.15", True), ("21", True), ("11.0.2", False), ("1.8.0_392", False), ("", False)]
)
def test_java_17_or_newer_is_enough(version: str, enough: bool) -> None:
    assert java_is_new_enough(version) is enough
