"""How consumers find their brokers."""

from typing import Any

from shared.plumbing.consumer import Consumers


def test_each_broker_that_is_named_is_an_address_of_its_own() -> None:
    nothing: Any = None

    broker = Consumers("shop", "one:9092,two:9092,three:9092", (), nothing).build_broker()

    assert broker.specification.url == ["one:9092", "two:9092", "three:9092"]
