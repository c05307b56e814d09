import socket

import pytest

from deploy.local import ports
from deploy.local.process import StartError


def test_defaults_are_used_where_nothing_is_set() -> None:
    assert ports.configured({}) == ports.DEFAULTS


def test_an_empty_setting_counts_as_not_set() -> None:
    assert ports.configured({"LOCAL_GATEWAY_PORT": ""})["gateway"] == 8080


def test_a_setting_changes_one_port_only() -> None:
    changed = ports.configured({"LOCAL_KAFKA_CONTROLLER_PORT": "19093"})

    assert changed == ports.DEFAULTS | {"kafka_controller": 19093}


def test_all_settings_that_are_no_ports_are_named_at_once() -> None:
    with pytest.raises(ValueError, match="LOCAL_GATEWAY_PORT=http, LOCAL_MAIL_PORT=65536"):
        ports.configured({"LOCAL_GATEWAY_PORT": "http", "LOCAL_MAIL_PORT": "65536"})


def test_default_ports_are_all_different() -> None:
    assert len(set(ports.DEFAULTS.values())) == len(ports.DEFAULTS)


def test_free_ports_are_different_and_outside_the_range_of_outgoing_connections() -> None:
    chosen = ports.free(ports.DEFAULTS)

    assert set(chosen) == set(ports.DEFAULTS)
    assert len(set(chosen.values())) == len(chosen)
    assert all(port in ports.FREE_RANGE for port in chosen.values())


def test_every_taken_port_is_told_with_the_setting_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        first, second = one.getsockname()[1], other.getsockname()[1]
        free = ports.free(["gateway"])["gateway"]

        with pytest.raises(StartError) as refused:
            ports.refuse_taken({"mongo": first, "installer-worker_internal": second, "gateway": free})

    assert str(refused.value).splitlines()[1:] == [
        f"  {first} (LOCAL_MONGO_PORT)",
        f"  {second} (LOCAL_INSTALLER_INTERNAL_PORT)",
    ]


def test_free_ports_are_not_refused() -> None:
    ports.refuse_taken(ports.free(["gateway", "mongo"]))
