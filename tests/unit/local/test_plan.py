from pathlib import Path

import pytest

from deploy.local.broker import Broker, Engine
from deploy.local.plan import Plan, replicas_from

APACHE = Broker(Engine.APACHE, "")


def test_a_plan_that_was_saved_is_the_same_plan(tmp_path: Path) -> None:
    plan = Plan.make(tmp_path, APACHE, free_ports=True, split=True, replicas={"notifier": 2}, env={"A": "b"})

    plan.save()

    assert Plan.saved(tmp_path) == plan


def test_a_folder_without_a_stack_has_no_plan(tmp_path: Path) -> None:
    assert Plan.saved(tmp_path) is None


def test_one_process_per_service_by_default(tmp_path: Path) -> None:
    plan = Plan.make(tmp_path, APACHE)

    assert [process.name for process in plan.processes] == ["auth", "catalog", "installer", "notifier"]
    assert {process.role for process in plan.processes} == {"all"}


def test_split_roles_and_replicas_have_names_and_ports_of_their_own(tmp_path: Path) -> None:
    plan = Plan.make(tmp_path, APACHE, split=True, replicas={"notifier": 2})

    names = [process.name for process in plan.processes if process.service == "notifier"]
    assert names == ["notifier-api", "notifier-worker", "notifier-api-2", "notifier-worker-2"]
    assert [plan.ports[f"{name}_internal"] for name in names] == [9104, 9109, 9114, 9119]
    assert plan.upstreams("notifier") == "127.0.0.1:8104 127.0.0.1:8114"


def test_two_plans_with_free_ports_share_none(tmp_path: Path) -> None:
    one, other = (Plan.make(tmp_path / name, APACHE, free_ports=True) for name in ("one", "other"))

    # Random choice among thousands: some of thirty may meet, all of them never do.
    assert set(one.ports.values()) != set(other.ports.values())


def test_data_of_different_kafkas_is_kept_apart(tmp_path: Path) -> None:
    embedded = Broker(Engine.EMBEDDED, "")

    assert Plan.make(tmp_path, APACHE).data != Plan.make(tmp_path, embedded).data


def test_an_external_kafka_is_used_by_its_address(tmp_path: Path) -> None:
    assert Plan.make(tmp_path, Broker(Engine.EXTERNAL, "", "kafka:9092")).kafka == "kafka:9092"


def test_replicas_of_an_unknown_service_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no service is named billing"):
        Plan.make(tmp_path, APACHE, replicas={"billing": 2})


def test_replicas_are_read_from_the_environment() -> None:
    assert replicas_from({"LOCAL_REPLICAS": "notifier=2 installer=3"}) == {"notifier": 2, "installer": 3}
    assert replicas_from({}) == {}


@pytest.mark.parametrize("nonsense", ["notifier", "notifier=two", "=", "notifier=1=2"])
def test_replicas_that_cannot_be_read_are_refused(nonsense: str) -> None:
    with pytest.raises(ValueError, match="LOCAL_REPLICAS is like"):
        replicas_from({"LOCAL_REPLICAS": nonsense})
