"""Creating topics: by a command of ours, with explicit partitions, replication and retention."""

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from shared.contracts.envelope import Topic

log = structlog.get_logger()

MAX_MESSAGE_BYTES = 1_048_576


def _config(topic: Topic, replication: int) -> dict[str, str]:
    common = {
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "min.insync.replicas": str(max(1, replication - 1)),
        "unclean.leader.election.enable": "false",
    }
    if topic.retention is None:
        return common | {"cleanup.policy": "compact", "delete.retention.ms": str(7 * 24 * 3600 * 1000)}
    return common | {"cleanup.policy": "delete", "retention.ms": str(int(topic.retention.total_seconds() * 1000))}


async def create_topics(bootstrap_servers: str, topics: tuple[Topic, ...], *, partitions: int, replication: int) -> int:
    """Create the topics that are missing; existing ones stay as they are. Returns how many were made.

    Raises aiokafka's `KafkaError` when the cluster cannot be reached or refuses.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in present]
        if not missing:
            return 0
        answer = await admin.create_topics(
            [
                NewTopic(topic.name, partitions, replication, topic_configs=_config(topic, replication))
                for topic in missing
            ]
        )
        for name, code, *reason in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                message = f"topic {name} was not created: {reason or code}"
                raise KafkaError(message)
            log.info("topic_created", topic=name, partitions=partitions, replication=replication)
        return len(missing)
    finally:
        await admin.close()


async def missing_topics(bootstrap_servers: str, names: set[str]) -> set[str]:
    """Which of `names` do not exist yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        return names - set(await admin.list_topics())
    finally:
        await admin.close()


async def partition_numbers(bootstrap_servers: str, name: str) -> list[int]:
    """The partitions of a topic. A consumer without a subscription does not know them by itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        (description,) = await admin.describe_topics([name])
        return sorted(part["partition"] for part in description["partitions"])
    finally:
        await admin.close()
