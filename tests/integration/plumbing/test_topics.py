"""What topics remember, as Kafka itself tells it."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.envelope import TopicKind
from shared.contracts.topics import ALL_TOPICS


async def settings(kafka: str, name: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    finally:
        await admin.close()
    (resource,) = answer.resources
    entries: list[Any] = resource[-1]
    return {entry[0]: entry[1] for entry in entries}


async def test_topics_keep_what_the_contracts_say(kafka: str) -> None:
    told = {topic.name: await settings(kafka, topic.name) for topic in ALL_TOPICS}

    for topic in ALL_TOPICS:
        kept = told[topic.name]
        if topic.retention is None:
            assert (topic.kind, kept["cleanup.policy"]) == (TopicKind.STATE, "compact")
        else:
            milliseconds = str(int(topic.retention.total_seconds() * 1000))
            assert (kept["cleanup.policy"], kept["retention.ms"]) == ("delete", milliseconds)
