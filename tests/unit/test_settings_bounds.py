"""No number in the settings of a service is taken that the service cannot work with."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from annotated_types import Ge, Gt
from pydantic import TypeAdapter, ValidationError

from docs.alerts import SERVICES
from docs.generate import build, settings_of
from shared.plumbing.settings import PlatformSettings

LEAST_ABOVE: dict[type, Any] = {int: 1, float: 0.001, timedelta: timedelta(milliseconds=1)}


def numbers(name: str) -> Iterator[tuple[str, type, list[Any]]]:
    """Fields of a service's settings that are numbers or times, with their type and their bounds."""
    for field, info in type(settings_of(name)).model_fields.items():
        if info.annotation in LEAST_ABOVE:
            yield field, info.annotation, info.metadata


FIELDS = [(name, field, kind) for name in SERVICES for field, kind, _ in numbers(name)]


@pytest.mark.parametrize(("name", "field", "kind"), FIELDS)
def test_what_is_no_number_to_work_with_is_refused(name: str, field: str, kind: type) -> None:
    for given in ("-1", "-0.5", "nan", "inf", "-inf", "1e300", "", "ten"):
        with pytest.raises(ValidationError):
            settings_of(name, **{field: given})


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_is_built_with_the_least_of_everything(name: str) -> None:
    least: dict[str, Any] = {}
    for field, kind, bounds in numbers(name):
        lowest: list[Any] = [one.ge for one in bounds if isinstance(one, Ge)]
        lowest += [one.gt + LEAST_ABOVE[kind] for one in bounds if isinstance(one, Gt)]
        assert lowest, f"{field} has no lower bound"
        least[field] = max(lowest)

    service = build(name, **least)

    assert {field: getattr(service.settings, field) for field in least} == least


@pytest.mark.parametrize("field", ["topic_partitions", "topic_replication"])
@pytest.mark.parametrize("given", ["0", "-1", "1e9", "nan"])
def test_topics_have_partitions_and_copies(field: str, given: str) -> None:
    (bounded,) = [info for name, info in PlatformSettings.model_fields.items() if name == field]

    with pytest.raises(ValidationError):
        TypeAdapter(bounded.rebuild_annotation()).validate_python(given)


@pytest.mark.parametrize("field", ["retry_schedule", "cleanup_schedule"])
@pytest.mark.parametrize("given", ["", "0", "2,0", "-1,5", "1,nan", "1,inf"])
def test_a_schedule_has_pauses_and_its_last_one_is_no_loop(field: str, given: str) -> None:
    with pytest.raises(ValidationError):
        settings_of("installer", **{field: given})
