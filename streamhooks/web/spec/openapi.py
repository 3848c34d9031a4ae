"""The OpenAPI document, built from the table of all calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from streamhooks.records.hook_values import HOOK_ID
from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.web.spec.calls import CALLS, Call
from streamhooks.web.spec.schemas import SCHEMAS
from streamhooks.web.spec.values import LETTER

_PATH_PARAMETERS: Final[Mapping[str, Schema]] = {
    "hook_id": HOOK_ID,
    "webhook_id": TEXT,
    "replay_id": TEXT,
    "name": TEXT,
    "letter": LETTER,
    "call_id": TEXT,
}
_IF_MATCH: Final[Schema] = {
    **TEXT,
    "description": "ETags; the change is made only if the hook has one of them, or for *",
}
_PROBLEMS: Final[Mapping[int, str]] = {
    400: "the query or the body is wrong",
    401: "a valid token is required",
    403: "the token's scope does not allow the call; or, without tokens configured, a cross-site browser request",
    404: "not found",
    409: "not possible now",
    408: "the body arrived too slowly",
    412: "the hook does not match If-Match",
    413: "the body is too large; or Kafka takes no record of a message's size, see `messages`",
    415: "the body has another media type",
    429: "too many such calls are running, or too many wrong tokens arrived; see Retry-After",
    503: "not possible right now; see Retry-After and `maybe_applied`",
}


def document(version: str, *, tokens: bool = True) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all calls; `version` is the API's, `tokens` whether calls need one."""
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "streamhooks", "version": version},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}] if tokens else [],
    }


def _operation(call: Call) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": schema}
                for name, schema in _PATH_PARAMETERS.items()
                if f"{{{name}}}" in call.path
            ),
            *(
                {"name": name, "in": "query", "schema": schema, "allowEmptyValue": True}
                for name, schema in (call.query or {}).items()
            ),
            *({"name": name, "in": "header", "schema": schema} for name, schema in (call.headers or {}).items()),
            *([{"name": "If-Match", "in": "header", "schema": _IF_MATCH}] if call.is_change else []),
        ],
        "responses": {str(call.status): _response(call)},
    }
    if call.dry_run:
        operation["responses"]["200"] = {**_response(call), "description": "a dry run, or nothing to send"}
    if call.name == "ready":
        operation["responses"]["503"] = {"description": "not ready", "content": _content("Ready")}
    of_body = () if call.method == "get" else (408, 413, 415)
    for status in sorted({*call.problems, *of_body, *(() if call.is_open else (401, 403, 429))}):
        operation["responses"][str(status)] = {
            "description": _PROBLEMS[status],
            "content": _content("Problem"),
        }
    if call.body:
        content = _content(call.body)
        for media, schema in (call.bodies or {}).items():
            content |= _content(schema, media)
        operation["requestBody"] = {"required": call.body_needed, "content": content}
    if call.is_open:
        operation["security"] = []
    return operation


def _response(call: Call) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "no content" if call.status == 204 else "done"}
    if call.answers in ("Hook", "ChangedHook"):
        response["headers"] = {"ETag": {"schema": {**TEXT, "description": "the hook's revision, in quotes"}}}
    if call.answers:
        response["content"] = _content(call.answers)
    elif call.status != 204:
        response["content"] = {call.media: {"schema": TEXT}}
    return response


def _content(schema: str, media: str = "application/json") -> dict[str, Any]:
    return {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
