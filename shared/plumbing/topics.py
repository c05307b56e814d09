"""Creating topics: by a command of ours, with explicit partitions, replication and retention."""

from collections.abc import Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from shared.contracts.envelope import Topic

log = structlog.get_logger()

MAX_MESSAGE_BYTES = 1_048_576
# How long records stay, and how large they may be: what a topic that others have made may say otherwise.
_KEPT = frozenset({"cleanup.policy", "retention.ms", "max.message.bytes"})


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


async def differences(bootstrap_servers: str, topics: Sequence[Topic], partitions: int) -> dict[str, dict[str, str]]:
    """What of each topic is not as `create_topics` would make it: `{topic: {setting: "is X, should be Y"}}`.

    More partitions than `partitions` are fine.
    """
    if not topics:
        return {}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        described = await admin.describe_topics([topic.name for topic in topics])
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, one.name) for one in topics])
    finally:
        await admin.close()
    numbers = {one["topic"]: len(one["partitions"]) for one in described}
    settings = {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }
    found: dict[str, dict[str, str]] = {}
    for topic in topics:
        wanted = {name: value for name, value in _config(topic, 1).items() if name in _KEPT}
        is_now = settings.get(topic.name, {})
        differs = {
            name: f"is {is_now[name]}, should be {value}"
            for name, value in wanted.items()
            if name in is_now and is_now[name] != value
        }
        if numbers[topic.name] < partitions:
            differs["partitions"] = f"is {numbers[topic.name]}, should be {partitions}"
        if differs:
            found[topic.name] = differs
    return found


async def partition_numbers(bootstrap_servers: str, name: str) -> list[int]:
    """The partitions of a topic. A consumer without a subscription does not know them by itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        (description,) = await admin.describe_topics([name])
        return sorted(part["partition"] for part in description["partitions"])
    finally:
        await admin.close()
