"""The JSON schemas of the OpenAPI document (JSON Schema 2020-12, as OpenAPI 3.1 has it)."""

from __future__ import annotations

from typing import Final, get_args

from streamhooks.dead_letters.listing import KINDS
from streamhooks.delivery.heads import MAX_HEADERS
from streamhooks.filters.judging import Kind
from streamhooks.records.firing import Cause
from streamhooks.records.hook_values import HOOK_ID, MAX_FILTER
from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.records.json_schema import of_list as _list
from streamhooks.records.json_schema import of_object as _object
from streamhooks.records.json_schema import or_null as _or_null
from streamhooks.sources.kinds import OF_USERS
from streamhooks.web.rules import patterns
from streamhooks.web.spec.hook_schemas import OF_HOOKS
from streamhooks.web.spec.message_schemas import OF_MESSAGES
from streamhooks.web.spec.task_schemas import OF_TASKS
from streamhooks.web.spec.values import ATTEMPT_OUTCOME, LETTER, MOMENT
from streamhooks.web.spec.values import of_ref as _ref

_MS: Final[Schema] = {"type": "integer", "description": "epoch milliseconds"}

_ATTEMPT: Final[dict[str, Schema]] = {
    "webhook_id": TEXT,
    "id": {**TEXT, "description": "the webhook-id, under its name in 0.1.0"},
    "attempt": {"type": "integer", "minimum": 1},
    "at": _MS,
    "outcome": ATTEMPT_OUTCOME,
    "cause": {
        "enum": [*get_args(Cause), None],
        "description": "why it was made; retries of a replay, a resume or a redrive have that cause",
    },
    "status": {"type": ["integer", "null"]},
    "error": {"type": ["string", "null"]},
    "duration_ms": {"type": "number"},
    "source": {"type": ["string", "null"], "description": "<topic>:<partition>:<offset>"},
    "event": {"type": ["string", "null"]},
    "url": {"type": ["string", "null"]},
    "request": {**TEXT, "description": "body, only of failures; truncated to 1,024 characters"},
    "response": {**TEXT, "description": "body, only of failures; truncated to 1,024 characters"},
}

#: the event of a test
EVENT: Final[Schema] = {
    "type": "string",
    "pattern": patterns.SINGLE_EVENT,
    "description": "an event that can fire the hook, not a pattern; default: the first that it subscribed to",
}

_HEADERS: Final[Schema] = _list(_object({"name": TEXT, "value": TEXT}, "name", "value"))
_TESTED: Final[dict[str, Schema]] = {
    "event": TEXT,
    "webhook_id": TEXT,
    "outcome": {"enum": ["delivered", "failed"]},
    "status": {"type": ["integer", "null"]},
    "error": {"type": ["string", "null"]},
    "duration_ms": {"type": "number"},
    "url": TEXT,
    "request_headers": {**_HEADERS, "description": "all; the values of custom headers are masked"},
    "request": {"type": ["string", "null"], "description": "the body; null if nothing was sent"},
    "response_headers": {
        **_HEADERS,
        "maxItems": MAX_HEADERS,
        "description": "all of the final response, at most 16 KiB; our secrets in them are masked",
    },
    "response": {**TEXT, "description": "the first 1,024 characters of the body"},
}

#: the filters of dead letters
CHOSEN_BY: Final[dict[str, Schema]] = {
    "hook_id": TEXT,
    "reason": {**TEXT, "description": "a part of the reason, ignoring case"},
    "task": {**TEXT, "description": "the name of the task"},
    "url": {**TEXT, "description": "a part of the hook's URL, ignoring case"},
    "organization_id": {**TEXT, "description": "the hook's organization"},
    "kind": {"enum": list(KINDS), "description": "a delivery, a call without a hook, or a source record as a whole"},
    "since": MOMENT,
    "until": MOMENT,
}

_LETTER: Final[dict[str, Schema]] = {
    "letter": {**TEXT, "description": "PARTITION:OFFSET"},
    "webhook_id": {**_or_null(TEXT), "description": "null without a hook"},
    "id": {**TEXT, "description": "id of the record in dead-letters, as in 0.1.0"},
    "at": TEXT,
    "state": {
        "enum": ["open", "sent", "delivered", "dropped"],
        "description": "sent: sent again, outcome not known yet",
    },
    "reason": {**TEXT, "description": "why it failed the last time"},
    "hook_id": _or_null(TEXT),
    "url": {**_or_null(TEXT), "description": "the hook's current URL; null if it is deleted"},
    "organization_id": {**_or_null(TEXT), "description": "the hook's current organization; null if it is deleted"},
    "task": {**_or_null(TEXT), "description": "the name of the task"},
    "event": _or_null(TEXT),
    "attempts": {"type": "integer"},
    "last": {"type": ["object", "null"]},
    "source": _or_null(TEXT),
    "redriven": {"type": "integer", "description": "how often it was sent again"},
    "truncated": {"type": "boolean"},
}


def _some_letters(**options: Schema) -> Schema:
    """Return the schema of a body that chooses letters by their places or by filters."""
    options = {"dry_run": {"type": "boolean", "default": False}, **options}
    places = {**_list(LETTER), "minItems": 1, "maxItems": patterns.MOST_LETTERS}
    return {
        "anyOf": [
            _object({"letters": places, **options}, "letters"),
            {**_object({**CHOSEN_BY, **options}), "anyOf": [{"required": [name]} for name in CHOSEN_BY]},
        ]
    }


_ID: Final[Schema] = {"type": "string", "minLength": 1}
_FILTER: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": MAX_FILTER}
_SAMPLE: Final[Schema] = {
    "type": "object",
    "description": "a message as on the topic messages; type and organization_id may be left out",
}
_TRIED: Final[dict[str, Schema]] = {
    "source": {**_or_null(TEXT), "description": "null for the given message"},
    "timestamp": {**_or_null(TEXT), "description": "ISO 8601"},
    "type": TEXT,
    "verdict": {"enum": list(get_args(Kind)), "description": "failed: a delivery would be a dead letter"},
    "why": {**TEXT, "description": "why it is no match; else empty"},
}
_COUNTS: Final[dict[str, Schema]] = {kind: {"type": "integer"} for kind in get_args(Kind)}

SCHEMAS: Final[dict[str, Schema]] = {
    "NewTrial": {
        "anyOf": [
            _object({"filter": _FILTER, "message": _SAMPLE}, "filter", "message"),
            _object(
                {
                    "filter": _FILTER,
                    "organization_id": _ID,
                    "project_ids": {**_list(_ID), "description": "empty means every project"},
                    "events": {**_list(_ID), "description": "types, such as order.paid or order.*; empty means all"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": patterns.MOST_TRIED, "default": 20},
                },
                "filter",
                "organization_id",
            ),
        ]
    },
    "Trial": _object({**_COUNTS, "tried": _list(_object(_TRIED, *_TRIED))}, *_COUNTS, "tried"),
    **OF_HOOKS,
    **OF_MESSAGES,
    **OF_TASKS,
    "Sample": _object({"event": TEXT, "events": _list(TEXT), "body": {"type": "object"}}, "event", "events", "body"),
    "NewTest": _object({"event": _or_null(EVENT), "body": _or_null({"type": "object"})}),
    "Tested": _object(_TESTED, *_TESTED),
    "Points": _list(_object({"ts": {"type": "integer"}, "total": {"type": "integer"}}, "ts", "total")),
    "Attempts": _list({"type": "object", "properties": _ATTEMPT}),
    "FoundAttempts": _object(
        {
            "attempts": _list({"type": "object", "properties": {"hook_id": TEXT, **_ATTEMPT}}),
            "next_cursor": {**_or_null(TEXT), "description": "null on the last page"},
            "looked_back_to": {**_or_null(TEXT), "description": "ISO 8601; time of the last record examined"},
        },
        "attempts",
        "next_cursor",
        "looked_back_to",
    ),
    "Resend": _object(
        {"source": {"type": "string", "pattern": patterns.SOURCE, "description": "the source of the attempt"}},
        "source",
    ),
    "Resent": _object({"call_id": TEXT, "webhook_id": TEXT, "source": TEXT}, "call_id", "webhook_id", "source"),
    "PendingCall": {
        "type": "object",
        "properties": {
            "webhook_id": TEXT,
            "call_id": {**TEXT, "description": "key of its record in delayed; its identifier in 0.1.0"},
            "task": TEXT,
            "event": {"type": ["string", "null"]},
            "attempt": {"type": "integer", "minimum": 1, "description": "number of the next run"},
            "due": _MS,
            "created": _MS,
            "reason": {"enum": ["retry", "countdown", "overflow", "paused", "resend"]},
            "state": {"enum": ["waiting", "queued", "unknown", "running", "gone"]},
            "last": {"type": ["object", "null"], "description": "status or error of the last run"},
            "source": {"type": ["string", "null"]},
        },
    },
    "PendingCalls": _list(_ref("PendingCall")),
    "Missed": _object(
        {
            "records": {"type": "integer", "description": "number of source records left to examine"},
            "since": _or_null(TEXT),
            "available_from": {
                **_or_null(TEXT),
                "description": "ISO 8601; set if retention has removed the beginning or all",
            },
            "sending": {"type": "boolean"},
            "stretches": _list(
                _object(
                    {
                        "id": TEXT,
                        "why": {"enum": ["disabled", "replay"]},
                        "topic": TEXT,
                        "partition": {"type": "integer"},
                        "next": {"type": "integer", "description": "the first offset left to examine"},
                        "end": {
                            "type": ["integer", "null"],
                            "description": "the offset after the last; null while the hook is disabled",
                        },
                        "sending": {"type": "boolean"},
                    }
                )
            ),
        },
        "records",
        "since",
        "available_from",
        "sending",
        "stretches",
    ),
    "NewReplay": _object(
        {
            "from": {**MOMENT, "description": "epoch seconds or ISO 8601, inclusive; not after to"},
            "to": {**MOMENT, "description": "epoch seconds or ISO 8601, exclusive; default: the end of the log"},
            "topics": {
                **_list({"type": "string", "pattern": patterns.TOPIC}),
                "minItems": 1,
                "description": f"{', '.join(OF_USERS)}, or topics of one's own; default: those that can fire the hook",
            },
            "dry_run": {"type": "boolean", "default": False},
        },
        "from",
    ),
    "Replay": _object(
        {
            "replay": {**TEXT, "description": "id of the replay; absent in a dry run"},
            "records": {"type": "integer", "description": "number of source records to examine"},
            "matches": {"type": "integer", "description": "number of those that fire the hook; only in a dry run"},
        },
        "records",
    ),
    "Explanation": {
        "type": "object",
        "properties": {
            "source": TEXT,
            "topic": TEXT,
            "timestamp": TEXT,
            "record": {"type": "object"},
            "skipped": {**_or_null(TEXT), "description": "why the record fires nothing: its topic's `when` is false"},
            "hooks": _list(
                _object(
                    {
                        "hook_id": HOOK_ID,
                        "url": TEXT,
                        "matched": {"type": "boolean"},
                        "why": {**TEXT, "description": "why it matched, or why not"},
                        "webhook_id": TEXT,
                        "attempts": _ref("Attempts"),
                        "pending": _ref("PendingCalls"),
                    }
                )
            ),
        },
    },
    "DeadLetters": _object({"dead_letters": _list(_ref("DeadLetter")), "next_cursor": _or_null(TEXT)}),
    "DeadLetter": _object(_LETTER),
    "WholeDeadLetter": _object({**_LETTER, "task": {"type": ["object", "null"]}, "raw": _or_null(TEXT)}),
    "Redrive": _some_letters(
        force={"type": "boolean", "default": False, "description": "include letters that were redriven 3 times"}
    ),
    "Redriven": _object({"redriven": {"type": "integer"}, "skipped": {"type": "integer"}}, "redriven", "skipped"),
    "DropLetters": _some_letters(),
    "DroppedLetters": _object({"dropped": {"type": "integer"}, "skipped": {"type": "integer"}}, "dropped", "skipped"),
    "Overview": {"type": "object"},
    "Live": _object({"live": {"type": "boolean"}}, "live"),
    "Ready": _object({"ready": {"type": "boolean"}, "reasons": _list(TEXT)}, "ready", "reasons"),
    "Any": {"type": "object"},
    "Problem": {
        "type": "object",
        "properties": {
            "maybe_applied": {"const": True, "description": "with a 503: the change may have been or may be written"},
            "missed": _ref("Missed"),
            "messages": _ref("TriedMessages"),
        },
        "additionalProperties": TEXT,
        "description": "`detail`, or a problem for each wrong field",
    },
}
