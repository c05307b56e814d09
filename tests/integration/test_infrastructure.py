"""Wherever the servers of a run come from, tests find the same there."""

import asyncio
from pathlib import Path

import pytest

from deploy.local.broker import Engine
from shared.contracts.topics import ALL_TOPICS
from shared.plumbing.mongo import connect
from shared.plumbing.topics import missing_topics
from tests.infrastructure import Infrastructure, docker_answers, start_infrastructure


async def lacks(it: Infrastructure) -> set[str]:
    """The topics that are missing; a write shows that MongoDB has its primary."""
    client = connect(it.mongo_url, app_name="tests")
    try:
        fresh = client["test_infrastructure"]
        await fresh["things"].insert_one({"_id": "thing"})
        await client.drop_database(fresh.name)
    finally:
        await client.close()
    return await missing_topics(it.kafka, {topic.name for topic in ALL_TOPICS})


def test_servers_that_run_already_get_all_topics(
    infrastructure: Infrastructure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KAFKA", infrastructure.kafka)
    monkeypatch.setenv("TEST_MONGO", infrastructure.mongo_url)

    with start_infrastructure(tmp_path) as given:
        assert given.engine is Engine.EXTERNAL
        assert asyncio.run(lacks(given)) == set()


@pytest.mark.slow
@pytest.mark.containers
def test_containers_stand_in_for_local_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not docker_answers():
        pytest.skip("no Docker engine answers")
    monkeypatch.delenv("TEST_KAFKA", raising=False)
    monkeypatch.setenv("TEST_INFRA", "containers")

    with start_infrastructure(tmp_path) as started:
        assert started.engine is Engine.APACHE
        assert asyncio.run(lacks(started)) == set()
