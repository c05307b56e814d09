"""AsyncAPI 3.0 documents from the running code: one channel per topic, with what the service sends and receives.

The keys of channels, operations and components are topics, message types and schema names: AsyncAPI allows letters,
digits, dots, hyphens and underscores in them.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts.envelope import Message, Topic, TopicKind
from shared.plumbing.consumer import group_id
from shared.plumbing.service import Service
from shared.plumbing.state_relay import TOMBSTONE_AFTER

Json = dict[str, Any]

_TOMBSTONE = "Tombstone"
_HEADERS: Json = {
    "type": "object",
    "description": "CloudEvents 1.0, binary mode",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "correlation_id"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "deterministic; deduplicate by it"},
        "ce_source": {"type": "string"},
        "ce_type": {"type": "string", "description": "the message's name"},
        "ce_subject": {"type": "string"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_dataschema": {"type": "string", "description": "name/version of the value's schema"},
        "correlation_id": {"type": "string", "description": "id of the HTTP request with which the story began"},
        "causation_id": {"type": "string", "description": "ce_id, or id of the HTTP request, of the step before"},
        "traceparent": {"type": "string"},
        "seq": {"type": "string", "description": "counts one aggregate's events from 1, without gaps"},
    },
}
_TOMBSTONE_MESSAGE: Json = {
    "title": _TOMBSTONE,
    "summary": "Lets compaction forget the key; without value and headers.",
    "description": f"Follows {TOMBSTONE_AFTER.days} days after a record with `deleted: true`. A consumer that keeps "
    "the version of what was deleted, so that an older record cannot bring it back, has nothing to do.",
    "payload": {"type": "null"},
}


def asyncapi_document(service: Service) -> Json:
    """What `service` sends and receives: channels, keys, retention, payloads and headers."""
    sent = {message.topic: _of(service.produces, message.topic) for message in service.produces}
    received = {one.topic: one.messages for one in service.subscriptions}
    channels = {topic: (*sent.get(topic, ()), *received.get(topic, ())) for topic in (*sent, *received)}
    operations = {f"send.{topic.name}": _operation("send", topic, messages) for topic, messages in sent.items()}
    for one in service.subscriptions:
        group = {"type": "string", "const": group_id(service.name, one)}
        operations[f"receive.{one.topic.name}"] = _operation("receive", one.topic, one.messages) | {
            "bindings": _kafka(groupId=group)
        }
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Souk {service.name}",
            "version": "1",
            "description": f"Topics of the {service.name} service.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "kafka", "protocol": "kafka", "description": "the marketplace's cluster"}},
        "channels": {topic.name: _channel(topic, messages) for topic, messages in channels.items()},
        "operations": operations,
        "components": _components(channels),
    }
    ordered: Json = json.loads(json.dumps(document, sort_keys=True))
    return ordered


def _of(messages: Iterable[type[Message]], topic: Topic) -> tuple[type[Message], ...]:
    return tuple(message for message in messages if message.topic == topic)


def _names(topic: Topic, messages: Iterable[type[Message]]) -> list[str]:
    names = list(dict.fromkeys(message.type_name() for message in messages))
    return [*names, _TOMBSTONE] if topic.kind is TopicKind.STATE else names


def _channel(topic: Topic, messages: Iterable[type[Message]]) -> Json:
    kept = "compacted"
    configuration: Json = {"cleanup.policy": ["compact"]}
    if topic.retention is not None:
        kept = f"kept {topic.retention / timedelta(days=1):g} days"
        configuration = {"cleanup.policy": ["delete"], "retention.ms": topic.retention // timedelta(milliseconds=1)}
    return {
        "address": topic.name,
        "description": f"{topic.kind} topic of {topic.owner}; key: {topic.key}; {kept}",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(topic, messages)},
        "bindings": _kafka(topic=topic.name, topicConfiguration=configuration),
    }


def _operation(action: str, topic: Topic, messages: Iterable[type[Message]]) -> Json:
    channel = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _names(topic, messages)],
    }


def _kafka(**fields: Any) -> Json:
    return {"kafka": {**fields, "bindingVersion": "0.5.0"}}


def _components(channels: dict[Topic, tuple[type[Message], ...]]) -> Json:
    messages = sorted({one for group in channels.values() for one in group}, key=lambda one: one.type_name())
    named, schemas = models_json_schema(
        [(message, "validation") for message in messages], ref_template="#/components/schemas/{model}"
    )
    described = {message.type_name(): _message(message, named[message, "validation"]) for message in messages}
    if any(topic.kind is TopicKind.STATE for topic in channels):
        described[_TOMBSTONE] = _TOMBSTONE_MESSAGE
    return {"messages": described, "schemas": {**schemas["$defs"], "Envelope": _HEADERS}}


def _message(message: type[Message], payload: Json) -> Json:
    summary, _, more = (message.__doc__ or "").strip().partition("\n\n")
    return {
        "title": message.type_name(),
        "summary": summary,
        **({"description": " ".join(more.split())} if more else {}),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Envelope"},
        "payload": payload,
        "bindings": _kafka(key={"type": "string", "description": message.topic.key}),
    }
