"""The table of all calls, and the OpenAPI document that is built from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from streamhooks.web import patterns
from streamhooks.web.schemas import CHOSEN_BY, EVENT, SCHEMAS
from streamhooks.web.values import HOOK_ID, LETTER, LIMIT, MOMENT, OUTCOME, RESOLUTION, STATUS, TEXT, TIME, Schema

_HOOKS = "/api/hooks"
_HOOK = "/api/hooks/{hook_id}"
_CALL = "/api/hooks/{hook_id}/pending/{webhook_id}"
_TEST = "/api/hooks/{hook_id}/test"
_REPLAY = "/api/hooks/{hook_id}/replay"
_LETTERS = "/api/dead-letters"

_PATH_PARAMETERS: Final[Mapping[str, Schema]] = {
    "hook_id": HOOK_ID,
    "webhook_id": TEXT,
    "replay_id": TEXT,
    "name": TEXT,
    "letter": LETTER,
}
_OF_LIST: Final[Mapping[str, Schema]] = {
    "organization_id": TEXT,
    "project_id": TEXT,
    "app_id": TEXT,
    "status": STATUS,
    "q": {**TEXT, "description": "a part of the URL or of the id, in any case"},
    "cursor": {"type": "string", "pattern": patterns.HOOK_ID, "description": "next_cursor of the former page"},
    "limit": LIMIT,
}
_OF_STATS: Final[Mapping[str, Schema]] = {
    "since": TIME,
    "until": TIME,
    "resolution": RESOLUTION,
    "outcome": OUTCOME,
}
_OF_EXPLAIN: Final[Mapping[str, Schema]] = {
    "source": {
        "type": "string",
        "pattern": patterns.SOURCE,
        "description": "TOPIC:PARTITION:OFFSET; this or event_id",
    },
    "event_id": {
        "type": "string",
        "pattern": patterns.EVENT_ID,
        "description": "32 hex characters; the first record with it between since and until",
    },
    "since": {**MOMENT, "description": "a day before until, unless given"},
    "until": {**MOMENT, "description": "now, unless given"},
}
_OF_LETTERS: Final[Mapping[str, Schema]] = {
    **CHOSEN_BY,
    "state": {"enum": ["open", "sent", "delivered", "dropped", "all"], "default": "open"},
    "cursor": {"type": "string", "pattern": patterns.LETTERS_CURSOR, "description": "next_cursor of the former page"},
    "limit": LIMIT,
}
_IF_MATCH: Final[Schema] = {**TEXT, "description": "ETags: the change is only made if the hook has one of them, or *"}
_PROBLEMS: Final[Mapping[int, str]] = {
    400: "something in the query or the body is wrong",
    401: "a valid token is needed",
    403: "the token may only read; or, without tokens, a strange page of a browser calls",
    404: "not found",
    409: "not possible now",
    408: "the body comes too slowly",
    412: "the hook is not as If-Match says",
    413: "the body is too large",
    415: "the body is not application/json",
    429: "too many such calls run at this moment, or too many wrong tokens came; see Retry-After",
    503: "not possible at this moment; see Retry-After, and `maybe_applied`",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API. `answers` is the name of the schema of its JSON answer, None for an answer without."""

    name: str
    method: str
    path: str
    summary: str
    answers: str | None
    status: int = 200
    dry_run: bool = False
    """Whether it can be tried, and then answers 200."""
    problems: tuple[int, ...] = ()
    query: Mapping[str, Schema] | None = None
    body: str | None = None
    body_needed: bool = True
    is_open: bool = False
    is_change: bool = False
    """Whether it changes a hook that is there, and takes `If-Match`."""
    media: str = "application/json"


CALLS: Final = (
    Call("index", "get", "/", "What this is; for a browser (Accept: text/html), the page", "Any", is_open=True),
    Call(
        "asset", "get", "/assets/{name}", "A file of the page", None,
        problems=(400, 404), is_open=True, media="text/*",
    ),
    Call("openapi", "get", "/openapi.json", "This document", "Any", is_open=True),
    Call("live", "get", "/health/live", "Whether the process lives", "Live", is_open=True),
    Call(
        "ready", "get", "/health/ready", "Whether tables are recovered and the broker is reachable; 503 if not",
        "Ready", is_open=True,
    ),
    Call("metrics", "get", "/metrics", "Prometheus' text format", None, media="text/plain"),
    Call(
        "list_hooks", "get", _HOOKS, "The hooks, a page at a time; how many match is in X-Total-Count", "Hooks",
        problems=(400,), query=_OF_LIST,
    ),
    Call(
        "create_hook", "post", _HOOKS, "Make a hook; the answer shows its secret", "Hook", 201,
        problems=(400, 503), body="NewHook",
    ),
    Call("get_hook", "get", _HOOK, "A hook, as this worker knows it", "Hook", problems=(400, 404, 503)),
    Call(
        "change_hook", "put", _HOOK, "Change the fields that are given; `active` enables again", "ChangedHook",
        problems=(400, 404, 409, 412, 503), body="HookChange", is_change=True,
    ),
    Call(
        "delete_hook", "delete", _HOOK, "Delete a hook", None, 204, problems=(400, 404, 412, 503), is_change=True,
    ),
    Call(
        "rotate_secret", "post", f"{_HOOK}/rotate-secret",
        "A new secret, which the answer shows; the former one signs too for a grace time", "Hook",
        problems=(400, 404, 409, 412, 503), is_change=True,
    ),
    Call(
        "get_test", "get", _TEST, "What a test of an event would send", "Sample",
        problems=(400, 404, 503), query={"event": EVENT},
    ),
    Call(
        "send_test", "post", _TEST, "Send a test now; it is listed as a test, and neither counted nor retried",
        "Tested", problems=(400, 404, 503), body="NewTest", body_needed=False,
    ),
    Call(
        "get_stats", "get", f"{_HOOK}/stats", "Counts a bucket, ascending and zero-filled", "Points",
        problems=(400, 404, 503), query=_OF_STATS,
    ),
    Call(
        "list_requests", "get", f"{_HOOK}/requests", "The latest attempts, newest first", "Attempts",
        problems=(400, 404, 503), query={"limit": LIMIT},
    ),
    Call(
        "list_pending", "get", f"{_HOOK}/pending",
        "The calls that wait, the next one first; their number is in X-Total-Count", "PendingCalls",
        problems=(400, 404, 503), query={"limit": LIMIT},
    ),
    Call(
        "retry_pending", "post", f"{_CALL}/retry", "Run what waits with this webhook-id now", "PendingCall", 202,
        problems=(400, 404, 503),
    ),
    Call(
        "drop_pending", "delete", _CALL, "Drop what waits with this webhook-id", None, 204,
        problems=(400, 404, 409, 503),
    ),
    Call(
        "get_missed", "get", f"{_HOOK}/missed", "What a hook has still to get", "Missed", problems=(400, 404, 503),
    ),
    Call(
        "begin_replay", "post", _REPLAY, "Send what a hook got between two moments again; 200 for a dry run", "Replay",
        202, dry_run=True, problems=(400, 404, 409, 503), body="NewReplay",
    ),
    Call(
        "stop_replay", "delete", f"{_REPLAY}/{{replay_id}}", "Stop a replay", None, 204, problems=(400, 404, 503),
    ),
    Call(
        "get_explanation", "get", "/api/explain",
        "Which hooks a source record fired, why not the others, and the attempts", "Explanation",
        problems=(400, 404, 503), query=_OF_EXPLAIN,
    ),
    Call(
        "list_dead_letters", "get", _LETTERS, "What was given up and is open, newest first", "DeadLetters",
        problems=(400, 503), query=_OF_LETTERS,
    ),
    Call(
        "get_dead_letter", "get", f"{_LETTERS}/{{letter}}", "A dead letter as a whole", "WholeDeadLetter",
        problems=(400, 404, 503),
    ),
    Call(
        "redrive_dead_letters", "post", f"{_LETTERS}/redrive",
        "Send open dead letters again, each once; 200 for a dry run", "Redriven",
        202, dry_run=True, problems=(400, 503), body="Redrive",
    ),
    Call(
        "drop_dead_letters", "post", f"{_LETTERS}/drop", "Drop open dead letters", "DroppedLetters",
        problems=(400, 503), body="DropLetters",
    ),
    Call("get_overview", "get", "/api/overview", "All hooks in a few numbers", "Overview", problems=(400,)),
)  # fmt: skip


def document(version: str, *, tokens: bool = True) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all calls; `version` is the API's, `tokens` whether any is needed."""
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
        operation["requestBody"] = {"required": call.body_needed, "content": _content(call.body)}
    if call.is_open:
        operation["security"] = []
    return operation


def _response(call: Call) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "no content" if call.status == 204 else "done"}
    if call.answers in ("Hook", "ChangedHook"):
        response["headers"] = {"ETag": {"schema": {**TEXT, "description": "the revision, in quotes"}}}
    if call.answers:
        response["content"] = _content(call.answers)
    elif call.status != 204:
        response["content"] = {call.media: {"schema": TEXT}}
    return response


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
