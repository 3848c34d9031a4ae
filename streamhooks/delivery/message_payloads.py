"""Bodies of messages: compact JSON in UTF-8, in one of three formats (docs/reference/payloads.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from streamhooks.records.exact_json import dumps
from streamhooks.records.hook_events import Format
from streamhooks.records.message import Message
from streamhooks.times import iso

JSON: Final = "application/json"
CLOUD_EVENT: Final = "application/cloudevents+json; charset=utf-8"


def standard_body(message: Message) -> bytes:
    """Return the body of Standard Webhooks: `{"type", "timestamp", "data"}`."""
    return dumps({"type": message.type, "timestamp": iso(message.timestamp), "data": message.data})


def cloud_event_body(message: Message) -> bytes:
    """Return a CloudEvent 1.0 in structured mode."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": message.id,
        "source": message.source or _source(message),
        "type": message.type,
        "time": iso(message.timestamp),
        "datacontenttype": JSON,
        "organizationid": message.organization_id,
    }
    if message.project_id is not None:
        event["projectid"] = message.project_id
    return dumps({**event, "data": message.data})


def data_body(message: Message) -> bytes:
    """Return the data alone."""
    return dumps(message.data)


BODIES: Final[Mapping[Format, Callable[[Message], bytes]]] = {
    "standard": standard_body,
    "cloudevents": cloud_event_body,
    "data": data_body,
}
"""What makes the body of a message, by format."""

CONTENT_TYPES: Final[Mapping[Format, str]] = {"standard": JSON, "cloudevents": CLOUD_EVENT, "data": JSON}


def _source(message: Message) -> str:
    path = f"/organizations/{quote(message.organization_id, safe='')}"
    return path if message.project_id is None else f"{path}/projects/{quote(message.project_id, safe='')}"
