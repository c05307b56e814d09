"""Which faults set a record aside, and which only make it wait."""

import pytest
from aiokafka.errors import KafkaConnectionError

from shared.plumbing.dead_letters import passes
from shared.plumbing.errors import Conflict, Unavailable


@pytest.mark.parametrize(
    "fault", [Unavailable("newer-release", "Later", retry_after=1), TimeoutError(), KafkaConnectionError()]
)
def test_what_time_mends_sets_no_record_aside(fault: Exception) -> None:
    assert passes(fault)


@pytest.mark.parametrize("fault", [Conflict("taken", "Taken"), KeyError("x"), ValueError("x")])
def test_what_time_does_not_mend_does(fault: Exception) -> None:
    assert not passes(fault)
