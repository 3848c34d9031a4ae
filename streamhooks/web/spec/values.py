"""The schemas of single values."""

from __future__ import annotations

from typing import Final, get_args

from streamhooks.records import hook_values
from streamhooks.records.firing import Outcome
from streamhooks.records.json_schema import Schema
from streamhooks.times import LATEST
from streamhooks.web.rules import patterns, stats

LIMIT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}
TIME: Final[Schema] = {
    "type": "number",
    "minimum": -stats.LATEST,
    "maximum": stats.LATEST,
    "description": f"epoch seconds; since must not be after until, with at most {stats.MAX_POINTS} points between",
}
MOMENT: Final[Schema] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": LATEST},
        {"type": "string", "pattern": patterns.MOMENT},
    ],
    "description": "epoch seconds or ISO 8601",
}
LETTER: Final[Schema] = {"type": "string", "pattern": patterns.LETTER, "description": "PARTITION:OFFSET"}
STATUS: Final = hook_values.STATUS.schema
OUTCOME: Final[Schema] = {"enum": list(stats.OUTCOMES), "default": "fired"}
ATTEMPT_OUTCOME: Final[Schema] = {
    "enum": list(get_args(Outcome)),
    "description": "failed: a test that was not delivered",
}
RESOLUTION: Final[Schema] = {"enum": list(patterns.RESOLUTIONS), "description": "a rollup: 10s, 1h, 60m, 1d, 24h"}


def of_ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
