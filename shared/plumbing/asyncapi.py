"""AsyncAPI 3.0 documents from the running code: FastStream describes the channels, we add the envelope."""

import json
from typing import Any

from faststream.specification.asyncapi import AsyncAPI

from shared.contracts.envelope import Message, Topic
from shared.plumbing.service import Service

_HEADERS: dict[str, Any] = {
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


def asyncapi_document(service: Service) -> dict[str, Any]:
    """What `service` sends and receives: channels, keys, retention, payloads and headers."""
    broker = service.consumers().build_broker()
    for message in service.produces:
        broker.publisher(message.topic.name, schema=message, title=message.type_name(), description=_doc(message))
    document: dict[str, Any] = (
        AsyncAPI(
            broker, title=f"Souk {service.name}", version="1", description=f"Topics of the {service.name} service."
        )
        .to_specification()
        .to_jsonable()
    )
    document["servers"] = {"kafka": {"host": "kafka", "protocol": "kafka", "description": "the marketplace's cluster"}}
    topics = {message.topic.name: message.topic for message in service.produces}
    topics |= {subscription.topic.name: subscription.topic for subscription in service.subscriptions}
    for channel in document["channels"].values():
        _complete_channel(channel, topics[channel["address"]])
    for message in document["components"]["messages"].values():
        message["headers"] = {"$ref": "#/components/schemas/Envelope"}
        message["contentType"] = "application/json"
    document["components"]["schemas"]["Envelope"] = _HEADERS
    # FastStream keeps its subscribers in a set; a document that is compared must not depend on its order.
    ordered: dict[str, Any] = json.loads(json.dumps(document, sort_keys=True))
    return ordered


def _complete_channel(channel: dict[str, Any], topic: Topic) -> None:
    kept = "compacted" if topic.retention is None else f"kept {topic.retention.total_seconds() / 86400:g} days"
    channel["servers"] = [{"$ref": "#/servers/kafka"}]
    channel["description"] = f"{topic.kind} topic of {topic.owner}; key: {topic.key}; {kept}"


def _doc(message: type[Message]) -> str:
    return (message.__doc__ or "").strip().split("\n\n")[0]
