"""The JSON schemas of messages that are sent: in a request, and in its answer."""

from __future__ import annotations

from typing import Final

from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.records.json_schema import of_list as _list
from streamhooks.records.json_schema import of_object as _object
from streamhooks.records.json_schema import or_null as _or_null
from streamhooks.records.message import LONGEST_ID
from streamhooks.web.rules import patterns
from streamhooks.web.rules.message_input import MOST
from streamhooks.web.spec.values import MOMENT
from streamhooks.web.spec.values import of_ref as _ref

_ID: Final[Schema] = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}
_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": patterns.NAME}
_TYPE: Final[Schema] = {"type": "string", "pattern": patterns.TYPE, "description": "such as order.paid"}
_TIME: Final[Schema] = {**_or_null(MOMENT), "description": "when it happened; default: when it was written"}

#: the headers of a request that its records get
HEADERS: Final[dict[str, Schema]] = {
    "streamhooks-hops": {
        "type": "string",
        "pattern": patterns.HOPS,
        "description": "of the webhook that made the caller send, so that a loop of webhooks ends",
    },
    "traceparent": {**TEXT, "description": "of the caller (W3C Trace Context); ignored if it is invalid"},
}


def _some(item: Schema) -> Schema:
    return {**_list(item), "minItems": 1, "maxItems": MOST}


_SENT: Final[dict[str, Schema]] = {
    "id": {**_or_null(TEXT), "description": "the id that was given"},
    "status": {
        "enum": ["written", "refused", "unknown"],
        "description": "unknown: Kafka has not confirmed it in time; it may be written, or may be later",
    },
    "coordinates": {**_or_null(TEXT), "description": "TOPIC:PARTITION:OFFSET, the source of an explanation"},
}

OF_MESSAGES: Final[dict[str, Schema]] = {
    "NewMessage": _object(
        {
            "type": _TYPE,
            "organization_id": _ID,
            "project_id": _or_null(_ID),
            "id": {**_or_null(_NAME), "description": "your own id of what happened"},
            "timestamp": _TIME,
            "source": _or_null(_NAME),
            "data": {"description": "any JSON; default: null"},
        },
        "type",
        "organization_id",
    ),
    "CloudEvent": {
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "type": _TYPE,
            "source": _NAME,
            "id": _NAME,
            "organizationid": {**_ID, "description": "an extension attribute"},
            "projectid": {**_or_null(_ID), "description": "an extension attribute"},
            "time": _TIME,
            "data": {"description": "any JSON; default: null"},
            "data_base64": {"type": "null"},
        },
        "required": ["specversion", "type", "source", "id", "organizationid"],
    },
    "AnyMessage": {"anyOf": [_ref("NewMessage"), _ref("CloudEvent")]},
    "NewMessages": {"anyOf": [_ref("NewMessage"), _ref("CloudEvent"), _some(_ref("AnyMessage"))]},
    "CloudEvents": _some(_ref("CloudEvent")),
    "SentMessages": _object({"messages": _list(_object(_SENT, *_SENT))}, "messages"),
    "TriedMessages": {
        **_list(_object({**_SENT, "error": TEXT}, *_SENT)),
        "description": "what became of each message; only those that are not written have an error",
    },
}
