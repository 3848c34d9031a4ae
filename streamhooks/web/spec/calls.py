"""The table of all calls of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streamhooks.hooks.trouble import STATES
from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.web.rules import patterns
from streamhooks.web.rules.hook_list import SORTS
from streamhooks.web.spec.schemas import CHOSEN_BY, EVENT
from streamhooks.web.spec.values import ATTEMPT_OUTCOME, LIMIT, MOMENT, OUTCOME, RESOLUTION, STATUS, TIME

_HOOKS = "/api/hooks"
_HOOK = "/api/hooks/{hook_id}"
_CALL = "/api/hooks/{hook_id}/pending/{webhook_id}"
_TEST = "/api/hooks/{hook_id}/test"
_REPLAY = "/api/hooks/{hook_id}/replay"
_RESEND = "/api/hooks/{hook_id}/requests/{webhook_id}/resend"
_LETTERS = "/api/dead-letters"

_OF_LIST: Final[Mapping[str, Schema]] = {
    "organization_id": TEXT,
    "project_id": TEXT,
    "app_id": TEXT,
    "status": STATUS,
    "state": {
        "enum": list(STATES),
        "description": "a hook may be in several; trouble is any in which it needs a person",
    },
    "q": {**TEXT, "description": "a part of the name, the URL or the id, in any case"},
    "sort": {
        "enum": list(SORTS),
        "default": "id",
        "description": "trouble: those first that need a person; a hook that changes may come twice or not at all",
    },
    "cursor": {
        "type": "string",
        "pattern": patterns.HOOKS_CURSOR,
        "description": "next_cursor of the former page, in the same order",
    },
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
_CURSOR: Final[Schema] = {
    "type": "string",
    "pattern": patterns.PLACES_CURSOR,
    "description": "next_cursor of the former page",
}
_OF_ATTEMPTS: Final[Mapping[str, Schema]] = {
    "hook_id": {"type": "string", "pattern": patterns.HOOK_ID, "description": "of all hooks, unless given"},
    "webhook_id": TEXT,
    "outcome": ATTEMPT_OUTCOME,
    "status": {
        "type": "integer",
        "minimum": patterns.STATUSES[0],
        "maximum": patterns.STATUSES[-1],
        "description": "the HTTP status that came back",
    },
    "event": TEXT,
    "since": {**MOMENT, "description": "when the attempt began; as far back as firings goes, unless given"},
    "until": MOMENT,
    "cursor": _CURSOR,
    "limit": LIMIT,
}
_OF_LETTERS: Final[Mapping[str, Schema]] = {
    **CHOSEN_BY,
    "state": {"enum": ["open", "sent", "delivered", "dropped", "all"], "default": "open"},
    "cursor": _CURSOR,
    "limit": LIMIT,
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
        "search_attempts", "get", "/api/attempts",
        "Attempts as far back as firings goes, newest first; a page may have few or none before the last one",
        "FoundAttempts", problems=(400, 503), query=_OF_ATTEMPTS,
    ),
    Call(
        "resend_request", "post", _RESEND, "Send a request once more, made again from its record", "Resent", 202,
        problems=(400, 404, 409, 503), body="Resend",
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
