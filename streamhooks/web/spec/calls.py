"""The table of all calls of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streamhooks.delayed.looking import STATES as TASK_STATES
from streamhooks.hooks.trouble import STATES
from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.web.rules import patterns
from streamhooks.web.rules.hook_list import SORTS
from streamhooks.web.rules.message_input import MEDIA
from streamhooks.web.spec.message_schemas import HEADERS
from streamhooks.web.spec.schemas import CHOSEN_BY, EVENT
from streamhooks.web.spec.values import ATTEMPT_OUTCOME, LIMIT, MOMENT, OUTCOME, RESOLUTION, STATUS, TIME

_HOOKS = "/api/hooks"
_HOOK = "/api/hooks/{hook_id}"
_CALL = "/api/hooks/{hook_id}/pending/{webhook_id}"
_TEST = "/api/hooks/{hook_id}/test"
_REPLAY = "/api/hooks/{hook_id}/replay"
_RESEND = "/api/hooks/{hook_id}/requests/{webhook_id}/resend"
_LETTERS = "/api/dead-letters"
_TASKS = "/api/tasks"
_MESSAGES = "/api/messages"
_TRIALS = "/api/filters/try"
_TASK_CALL = "/api/tasks/{call_id}"

_OF_LIST: Final[Mapping[str, Schema]] = {
    "organization_id": TEXT,
    "project_id": TEXT,
    "app_id": TEXT,
    "status": STATUS,
    "state": {
        "enum": list(STATES),
        "description": "hooks in this state; a hook may be in several. trouble: any that needs attention",
    },
    "q": {**TEXT, "description": "a part of the name, the URL or the id, ignoring case"},
    "sort": {
        "enum": list(SORTS),
        "default": "id",
        "description": "trouble: hooks that need attention first; a hook that changes may appear twice or not at all",
    },
    "cursor": {
        "type": "string",
        "pattern": patterns.HOOKS_CURSOR,
        "description": "next_cursor of the previous page, in the same order",
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
        "description": "TOPIC:PARTITION:OFFSET; give this or event_id",
    },
    "event_id": {
        "type": "string",
        "pattern": patterns.EVENT_ID,
        "description": "32 hex characters; finds the first record with it between since and until",
    },
    "since": {**MOMENT, "description": "epoch seconds or ISO 8601, inclusive; default: a day before until"},
    "until": {**MOMENT, "description": "epoch seconds or ISO 8601, exclusive; default: now"},
}
_CURSOR: Final[Schema] = {
    "type": "string",
    "pattern": patterns.PLACES_CURSOR,
    "description": "next_cursor of the previous page",
}
_OF_ATTEMPTS: Final[Mapping[str, Schema]] = {
    "hook_id": {"type": "string", "pattern": patterns.HOOK_ID, "description": "default: all hooks"},
    "webhook_id": TEXT,
    "outcome": ATTEMPT_OUTCOME,
    "status": {
        "type": "integer",
        "minimum": patterns.STATUSES[0],
        "maximum": patterns.STATUSES[-1],
        "description": "HTTP status of the response",
    },
    "event": TEXT,
    "since": {**MOMENT, "description": "start of the attempt; default: as far back as firings goes"},
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
_OF_TASKS: Final[Mapping[str, Schema]] = {
    "task": {**TEXT, "description": "the name of the task"},
    "state": {"enum": list(TASK_STATES), "description": "default: all"},
    "cursor": {
        "type": "string",
        "pattern": patterns.TASKS_CURSOR,
        "description": "next_cursor of the previous page",
    },
    "limit": LIMIT,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API. `answers` names the schema of its JSON answer, None if there is none."""

    name: str
    method: str
    path: str
    summary: str
    answers: str | None
    status: int = 200
    dry_run: bool = False
    """Whether it has a dry run, which answers with 200."""
    problems: tuple[int, ...] = ()
    query: Mapping[str, Schema] | None = None
    headers: Mapping[str, Schema] | None = None
    body: str | None = None
    """The schema of its body in JSON."""
    bodies: Mapping[str, str] | None = None
    """The schemas of bodies in other media types."""
    body_needed: bool = True
    is_open: bool = False
    is_change: bool = False
    """Whether it changes an existing hook and accepts `If-Match`."""
    media: str = "application/json"


CALLS: Final = (
    Call("index", "get", "/", "Name and version; for a browser (Accept: text/html), the page", "Any", is_open=True),
    Call(
        "asset", "get", "/assets/{name}", "A file of the page", None,
        problems=(400, 404), is_open=True, media="text/*",
    ),
    Call("openapi", "get", "/openapi.json", "This document", "Any", is_open=True),
    Call("live", "get", "/health/live", "Whether the process is alive", "Live", is_open=True),
    Call(
        "ready", "get", "/health/ready", "Whether the worker is ready, with the reasons if not (503)",
        "Ready", is_open=True,
    ),
    Call("metrics", "get", "/metrics", "The metrics, in Prometheus' text format", None, media="text/plain"),
    Call(
        "list_hooks", "get", _HOOKS, "List hooks; X-Total-Count has the total number", "Hooks",
        problems=(400,), query=_OF_LIST,
    ),
    Call(
        "create_hook", "post", _HOOKS, "Create a hook; the response has its secret", "Hook", 201,
        problems=(400, 503), body="NewHook",
    ),
    Call("get_hook", "get", _HOOK, "Get a hook, from this worker's own copy", "Hook", problems=(400, 404, 503)),
    Call(
        "change_hook", "put", _HOOK, "Change the given fields; `status: active` enables the hook again", "ChangedHook",
        problems=(400, 404, 409, 412, 503), body="HookChange", is_change=True,
    ),
    Call(
        "delete_hook", "delete", _HOOK, "Delete a hook", None, 204, problems=(400, 404, 412, 503), is_change=True,
    ),
    Call(
        "rotate_secret", "post", f"{_HOOK}/rotate-secret",
        "Replace the secret; the response has the new one, and the previous one keeps signing for a while", "Hook",
        problems=(400, 404, 409, 412, 503), is_change=True,
    ),
    Call(
        "get_test", "get", _TEST, "Get the test that would be sent for an event", "Sample",
        problems=(400, 404, 503), query={"event": EVENT},
    ),
    Call(
        "send_test", "post", _TEST, "Send a test now; it is listed as a test, and neither counted nor retried",
        "Tested", problems=(400, 404, 503), body="NewTest", body_needed=False,
    ),
    Call(
        "get_stats", "get", f"{_HOOK}/stats", "Counts per bucket, ascending and zero-filled", "Points",
        problems=(400, 404, 503), query=_OF_STATS,
    ),
    Call(
        "list_requests", "get", f"{_HOOK}/requests", "List the latest attempts, newest first", "Attempts",
        problems=(400, 404, 503), query={"limit": LIMIT},
    ),
    Call(
        "list_pending", "get", f"{_HOOK}/pending",
        "List pending calls, the next one first; X-Total-Count has the total number", "PendingCalls",
        problems=(400, 404, 503), query={"limit": LIMIT},
    ),
    Call(
        "retry_pending", "post", f"{_CALL}/retry", "Run the pending calls with this webhook-id now", "PendingCall", 202,
        problems=(400, 404, 503),
    ),
    Call(
        "drop_pending", "delete", _CALL, "Drop the pending calls with this webhook-id", None, 204,
        problems=(400, 404, 409, 503),
    ),
    Call(
        "get_missed", "get", f"{_HOOK}/missed", "Get the backlog of a hook: missed records and replays", "Missed",
        problems=(400, 404, 503),
    ),
    Call(
        "begin_replay", "post", _REPLAY, "Send a hook's records of a period again; 200 for a dry run", "Replay",
        202, dry_run=True, problems=(400, 404, 409, 503), body="NewReplay",
    ),
    Call(
        "stop_replay", "delete", f"{_REPLAY}/{{replay_id}}", "Stop a replay", None, 204, problems=(400, 404, 503),
    ),
    Call(
        "search_attempts", "get", "/api/attempts",
        "Search attempts as far back as firings goes, newest first; pages before the last may have few or none",
        "FoundAttempts", problems=(400, 503), query=_OF_ATTEMPTS,
    ),
    Call(
        "resend_request", "post", _RESEND, "Send a request again, from its record", "Resent", 202,
        problems=(400, 404, 409, 503), body="Resend",
    ),
    Call(
        "get_explanation", "get", "/api/explain",
        "Explain which hooks a source record fired, why not the others, with the attempts", "Explanation",
        problems=(400, 404, 503), query=_OF_EXPLAIN,
    ),
    Call(
        "list_dead_letters", "get", _LETTERS,
        "List dead letters, newest first; by default the open ones", "DeadLetters",
        problems=(400, 503), query=_OF_LETTERS,
    ),
    Call(
        "get_dead_letter", "get", f"{_LETTERS}/{{letter}}", "Get a complete dead letter", "WholeDeadLetter",
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
    Call(
        "list_tasks", "get", _TASKS,
        "List calls of tasks that wait or run, the next one first; X-Total-Count has the total number", "TaskCalls",
        problems=(400, 503), query=_OF_TASKS,
    ),
    Call(
        "get_task_call", "get", _TASK_CALL, "Get a complete call of a task, with its arguments", "WholeTaskCall",
        problems=(400, 404, 503),
    ),
    Call("run_task_call", "post", f"{_TASK_CALL}/run", "Run a call of a task now", "TaskCall", 202,
        problems=(400, 404, 503),
    ),
    Call("drop_task_call", "delete", _TASK_CALL, "Drop a call of a task", None, 204, problems=(400, 404, 409, 503)),
    Call(
        "send_messages", "post", _MESSAGES,
        "Write messages to Kafka: all are checked first, and the response has their coordinates; scope send is enough",
        "SentMessages", 201, problems=(400, 503), headers=HEADERS,
        body="NewMessages", bodies={MEDIA[1]: "CloudEvent", MEDIA[2]: "CloudEvents"},
    ),
    Call(
        "try_filter", "post", _TRIALS,
        "Try a filter on a message, or on the latest messages of an organization; nothing is saved or sent", "Trial",
        problems=(400, 503), body="NewTrial",
    ),
    Call(
        "get_overview", "get", "/api/overview", "All hooks in a few numbers, and the worker's defaults", "Overview",
        problems=(400,),
    ),
)  # fmt: skip
