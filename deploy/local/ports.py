"""The ports of a stack: one setting each, checked before anything starts."""

import os
import random
import socket
from collections.abc import Iterable, Mapping

from deploy.local.process import StartError

HOST = "127.0.0.1"
# What has one process, by the name of its setting: LOCAL_GATEWAY_PORT and so on.
DEFAULTS: dict[str, int] = {
    "gateway": 8080,
    "mongo": 27017,
    "kafka": 9092,
    "kafka_controller": 9093,
    "smtp": 1025,
    "mail": 8025,
    "auth": 8101,
    "auth_internal": 9101,
    "catalog": 8102,
    "catalog_internal": 9102,
    "installer": 8103,
    "installer_internal": 9103,
    "notifier": 8104,
    "notifier_internal": 9104,
    "product": 8201,
    "addon": 8301,
    "addon_control": 8302,
}
# Below the range that Linux hands out for outgoing connections, so that none takes a port between choice and use.
FREE_RANGE = range(20_000, 32_000)
_chosen: set[int] = set()  # by this process, which may not have taken them yet


def setting(name: str) -> str:
    """The variable that a port comes from; those of replicas and split roles come from their service's."""
    part, _, use = name.partition("_")
    service = part.partition("-")[0]
    return f"LOCAL_{service.upper()}_{f'{use.upper()}_' if use else ''}PORT"


def configured(env: Mapping[str, str] = os.environ) -> dict[str, int]:
    """The fixed ports: the defaults, or what LOCAL_*_PORT says.

    Raises ValueError naming every variable that is no port.
    """
    ports, wrong = {}, []
    for name, default in DEFAULTS.items():
        given = env.get(setting(name), "") or str(default)
        if given.isdigit() and 0 < int(given) < 65_536:  # noqa: PLR2004 -- the width of a port
            ports[name] = int(given)
        else:
            wrong.append(f"{setting(name)}={given}")
    if wrong:
        raise ValueError(f"these are no ports: {', '.join(wrong)}")
    return ports


def free(names: Iterable[str]) -> dict[str, int]:
    """A free port for each name, none of which this process was given before."""
    wanted = list(names)
    found: list[int] = []
    # Not for secrecy: two test runs that choose at the same moment should not choose alike.
    for port in random.sample(FREE_RANGE, len(FREE_RANGE)):
        if len(found) == len(wanted):
            break
        if port not in _chosen and is_free(port):
            found.append(port)
    _chosen.update(found)
    return dict(zip(wanted, found, strict=True))


def is_free(port: int, host: str = HOST) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def refuse_taken(ports: Mapping[str, int]) -> None:
    """Raises StartError with one line for each port that another program uses, and the setting that changes it."""
    if taken := [f"  {port} ({setting(name)})" for name, port in ports.items() if not is_free(port)]:
        told = "Another program uses these ports; stop it, or choose others by the settings named:"
        raise StartError("\n".join([told, *taken]))
