"""The schemas of single values, and what schemas are made of."""

from __future__ import annotations

from typing import Any, Final, get_args

from streamhooks.records.firing import Outcome
from streamhooks.records.hook import Status
from streamhooks.times import LATEST
from streamhooks.web.rules import hook_input, patterns, stats

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
ID: Final[Schema] = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": hook_input.MAX_ID},
        {"type": "integer", "minimum": hook_input.WHOLE[0], "maximum": hook_input.WHOLE[1]},
    ],
    "description": "ids come out as texts",
}
HOOK_ID: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
LIMIT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}
TIME: Final[Schema] = {
    "type": "number",
    "minimum": -stats.LATEST,
    "maximum": stats.LATEST,
    "description": f"epoch seconds; since is not after until, and there are at most {stats.MAX_POINTS} points",
}
MOMENT: Final[Schema] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": LATEST},
        {"type": "string", "pattern": patterns.MOMENT},
    ],
    "description": "epoch seconds or ISO 8601",
}
LETTER: Final[Schema] = {"type": "string", "pattern": patterns.LETTER, "description": "PARTITION:OFFSET"}
STATUS: Final[Schema] = {"enum": list(get_args(Status))}
OUTCOME: Final[Schema] = {"enum": list(stats.OUTCOMES), "default": "fired"}
ATTEMPT_OUTCOME: Final[Schema] = {
    "enum": list(get_args(Outcome)),
    "description": "failed is a test that was not delivered",
}
RESOLUTION: Final[Schema] = {"enum": list(patterns.RESOLUTIONS), "description": "a rollup: 10s, 1h, 60m, 1d, 24h"}


def or_null(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def of_object(properties: dict[str, Schema], *required: str) -> Schema:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def of_list(items: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": items}


def of_ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
