"""The building blocks of JSON Schemas."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}


def or_null(schema: Schema) -> Schema:
    """Return the schema, with null allowed as well."""
    return {"anyOf": [schema, {"type": "null"}]}


def of_list(items: Schema) -> Schema:
    """Return the schema of a list of these items."""
    return {"type": "array", "items": items}


def of_object(properties: dict[str, Schema], *required: str) -> Schema:
    """Return the schema of an object with only these properties."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
