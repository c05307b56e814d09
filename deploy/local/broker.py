"""Which Kafka the local stack uses: `LOCAL_KAFKA=auto|apache|embedded|HOST:PORT`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from deploy.local import jars, machine
from deploy.local.process import StartError
from deploy.local.waiting import port_answers

AUTO_SECONDS = 180.0  # after this, a first look is worth more than the real broker
APACHE_SECONDS = 900.0  # asked for by name, there is nothing to fall back to
EXTERNAL_SECONDS = 10.0


class Engine(StrEnum):
    APACHE = "apache"
    EMBEDDED = "embedded"
    EXTERNAL = "external"


@dataclass(frozen=True)
class Broker:
    """The decision, and why."""

    engine: Engine
    why: str = field(compare=False)
    address: str = ""  # of an external one only

    def __str__(self) -> str:
        return f"Kafka: {self.engine}{f' at {self.address}' if self.address else ''} ({self.why})"


class Machine:
    """What the choice needs to know. Tests put another one in its place."""

    def lacks_for_apache(self) -> str:
        return ", ".join(it.what for it in machine.missing_for_apache_kafka())

    def resolve_jars(self, seconds: float) -> str:
        return jars.resolve(seconds)

    def answers(self, host: str, port: int) -> bool:
        return port_answers(host, port, EXTERNAL_SECONDS)


def choose(requested: str, here: Machine | None = None) -> Broker:
    """Decide once, and do what the decision needs (fetch the jars, or look whether the address answers).

    Raises StartError when what was asked for by name cannot be had; only `auto` falls back.
    """
    here = here or Machine()
    choices: dict[str, Callable[[Machine], Broker]] = {
        "auto": _auto,
        Engine.APACHE: _apache,
        Engine.EMBEDDED: lambda _: Broker(Engine.EMBEDDED, "as LOCAL_KAFKA says"),
    }
    wanted = requested or "auto"  # an empty variable counts as missing
    return choices[wanted](here) if wanted in choices else _external(wanted, here)


def _auto(here: Machine) -> Broker:
    if lacks := here.lacks_for_apache():
        return Broker(Engine.EMBEDDED, f"Apache Kafka needs {lacks}")
    if failure := here.resolve_jars(AUTO_SECONDS):
        return Broker(Engine.EMBEDDED, failure)
    return Broker(Engine.APACHE, "Java and Maven are there, and the jars")


def _apache(here: Machine) -> Broker:
    failure = here.lacks_for_apache() or here.resolve_jars(APACHE_SECONDS)
    if failure:
        raise StartError(f"LOCAL_KAFKA=apache cannot be had: {failure}")
    return Broker(Engine.APACHE, "as LOCAL_KAFKA says")


def _external(address: str, here: Machine) -> Broker:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise StartError(f"LOCAL_KAFKA is auto, apache, embedded or HOST:PORT, not {address!r}")
    if not here.answers(host, int(port)):
        raise StartError(f"LOCAL_KAFKA={address}: nobody answers there")
    return Broker(Engine.EXTERNAL, "as LOCAL_KAFKA says", address)
