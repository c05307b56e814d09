import pytest

from deploy.local.broker import AUTO_SECONDS, Broker, Engine, Machine, choose
from deploy.local.process import StartError


class FakeMachine(Machine):
    """A machine that lacks, fails and answers as told, and remembers what was tried on it."""

    def __init__(self, *, lacks: str = "", jars: str = "", answers: bool = True) -> None:
        self.lacks, self.jars, self.reachable = lacks, jars, answers
        self.tried: list[object] = []

    def lacks_for_apache(self) -> str:
        return self.lacks

    def resolve_jars(self, seconds: float) -> str:
        self.tried.append(seconds)
        return self.jars

    def answers(self, host: str, port: int) -> bool:
        self.tried.append((host, port))
        return self.reachable


def test_auto_takes_apache_when_java_maven_and_jars_are_there() -> None:
    here = FakeMachine()

    assert choose("auto", here) == Broker(Engine.APACHE, "")
    assert here.tried == [AUTO_SECONDS]


def test_nothing_said_is_auto() -> None:
    assert choose("", FakeMachine()).engine is Engine.APACHE


def test_auto_falls_back_without_java_and_fetches_nothing() -> None:
    here = FakeMachine(lacks="Java 17 or newer")

    chosen = choose("auto", here)

    assert str(chosen) == "Kafka: embedded (Apache Kafka needs Java 17 or newer)"
    assert here.tried == []


def test_auto_falls_back_when_the_jars_do_not_resolve() -> None:
    here = FakeMachine(jars="Maven could not resolve the jars: it took more than 180 s")

    chosen = choose("auto", here)

    assert str(chosen) == "Kafka: embedded (Maven could not resolve the jars: it took more than 180 s)"


@pytest.mark.parametrize("here", [FakeMachine(lacks="Maven (mvn)"), FakeMachine(jars="no repository answers")])
def test_apache_by_name_fails_rather_than_falls_back(here: FakeMachine) -> None:
    with pytest.raises(StartError, match=r"LOCAL_KAFKA=apache cannot be had: (Maven \(mvn\)|no repository answers)"):
        choose("apache", here)


def test_embedded_by_name_tries_nothing_else() -> None:
    here = FakeMachine()

    assert choose("embedded", here).engine is Engine.EMBEDDED
    assert here.tried == []


def test_an_address_is_taken_when_it_answers() -> None:
    here = FakeMachine()

    assert choose("kafka.example:9092", here) == Broker(Engine.EXTERNAL, "", "kafka.example:9092")
    assert here.tried == [("kafka.example", 9092)]


def test_an_address_that_does_not_answer_fails() -> None:
    with pytest.raises(StartError, match="nobody answers there"):
        choose("kafka.example:9092", FakeMachine(answers=False))


@pytest.mark.parametrize("nonsense", ["apache2", "kafka.example", ":9092", "kafka.example:port"])
def test_anything_else_is_refused_with_what_is_allowed(nonsense: str) -> None:
    with pytest.raises(StartError, match="auto, apache, embedded or HOST:PORT"):
        choose(nonsense, FakeMachine())
