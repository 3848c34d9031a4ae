"""The JSON schemas of the OpenAPI document (JSON Schema 2020-12, as OpenAPI 3.1 has it)."""

from __future__ import annotations

from typing import Final, get_args

from streamhooks.delivery.heads import MAX_HEADERS
from streamhooks.records.firing import Cause
from streamhooks.records.hook_values import HOOK_ID
from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.records.json_schema import of_list as _list
from streamhooks.records.json_schema import of_object as _object
from streamhooks.records.json_schema import or_null as _or_null
from streamhooks.sources.kinds import OF_USERS
from streamhooks.web.rules import patterns
from streamhooks.web.spec.hook_schemas import OF_HOOKS
from streamhooks.web.spec.values import ATTEMPT_OUTCOME, LETTER, MOMENT
from streamhooks.web.spec.values import of_ref as _ref

_MS: Final[Schema] = {"type": "integer", "description": "epoch milliseconds"}

_ATTEMPT: Final[dict[str, Schema]] = {
    "webhook_id": TEXT,
    "id": {**TEXT, "description": "the webhook-id, under its name of 0.1.0"},
    "attempt": {"type": "integer", "minimum": 1},
    "at": _MS,
    "outcome": ATTEMPT_OUTCOME,
    "cause": {
        "enum": [*get_args(Cause), None],
        "description": "why it was made; retries of a replay, a resume or a redrive are told as that",
    },
    "status": {"type": ["integer", "null"]},
    "error": {"type": ["string", "null"]},
    "duration_ms": {"type": "number"},
    "source": {"type": ["string", "null"], "description": "<topic>:<partition>:<offset>"},
    "event": {"type": ["string", "null"]},
    "url": {"type": ["string", "null"]},
    "request": {**TEXT, "description": "of failures; cut to 1,024 characters"},
    "response": {**TEXT, "description": "of failures; cut to 1,024 characters"},
}

#: the event of a test
EVENT: Final[Schema] = {
    "type": "string",
    "pattern": patterns.SINGLE_EVENT,
    "description": "one that the hook can get, no pattern; the first that it subscribed to, unless given",
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
        "description": "all of the last answer, at most 16 KiB; our secrets in them are masked",
    },
    "response": {**TEXT, "description": "the first 1,024 characters of the body"},
}

#: what dead letters are chosen by
CHOSEN_BY: Final[dict[str, Schema]] = {
    "hook_id": TEXT,
    "reason": {**TEXT, "description": "a part of it, in any case"},
    "task": {**TEXT, "description": "the name of its task"},
    "url": {**TEXT, "description": "a part of the hook's URL, in any case"},
    "organization_id": {**TEXT, "description": "the hook's"},
    "since": MOMENT,
    "until": MOMENT,
}

_LETTER: Final[dict[str, Schema]] = {
    "letter": {**TEXT, "description": "PARTITION:OFFSET"},
    "webhook_id": {**_or_null(TEXT), "description": "null without a hook"},
    "id": {**TEXT, "description": "of the record in dead-letters, as in 0.1.0"},
    "at": TEXT,
    "state": {"enum": ["open", "sent", "delivered", "dropped"], "description": "sent: it was sent again and waits"},
    "reason": {**TEXT, "description": "why it was given up the last time"},
    "hook_id": _or_null(TEXT),
    "url": {**_or_null(TEXT), "description": "the hook's, as it is now"},
    "organization_id": {**_or_null(TEXT), "description": "the hook's"},
    "task": {**_or_null(TEXT), "description": "its name"},
    "event": _or_null(TEXT),
    "attempts": {"type": "integer"},
    "last": {"type": ["object", "null"]},
    "source": _or_null(TEXT),
    "redriven": {"type": "integer", "description": "how often it was sent again"},
    "truncated": {"type": "boolean"},
}


def _some_letters(**options: Schema) -> Schema:
    """Letters by their places, or by what they have in common."""
    options = {"dry_run": {"type": "boolean", "default": False}, **options}
    places = {**_list(LETTER), "minItems": 1, "maxItems": patterns.MOST_LETTERS}
    return {
        "anyOf": [
            _object({"letters": places, **options}, "letters"),
            {**_object({**CHOSEN_BY, **options}), "anyOf": [{"required": [name]} for name in CHOSEN_BY]},
        ]
    }


SCHEMAS: Final[dict[str, Schema]] = {
    **OF_HOOKS,
    "Sample": _object({"event": TEXT, "events": _list(TEXT), "body": {"type": "object"}}, "event", "events", "body"),
    "NewTest": _object({"event": _or_null(EVENT), "body": _or_null({"type": "object"})}),
    "Tested": _object(_TESTED, *_TESTED),
    "Points": _list(_object({"ts": {"type": "integer"}, "total": {"type": "integer"}}, "ts", "total")),
    "Attempts": _list({"type": "object", "properties": _ATTEMPT}),
    "FoundAttempts": _object(
        {
            "attempts": _list({"type": "object", "properties": {"hook_id": TEXT, **_ATTEMPT}}),
            "next_cursor": {**_or_null(TEXT), "description": "null when firings holds no more"},
            "looked_back_to": {**_or_null(TEXT), "description": "ISO 8601; the time up to which this page has looked"},
        },
        "attempts",
        "next_cursor",
        "looked_back_to",
    ),
    "Resend": _object(
        {"source": {"type": "string", "pattern": patterns.SENT_SOURCE, "description": "that of the attempt"}}, "source"
    ),
    "Resent": _object({"call_id": TEXT, "webhook_id": TEXT, "source": TEXT}, "call_id", "webhook_id", "source"),
    "PendingCall": {
        "type": "object",
        "properties": {
            "webhook_id": TEXT,
            "call_id": {**TEXT, "description": "the key of its record in delayed; 0.1.0 named calls by it"},
            "task": TEXT,
            "event": {"type": ["string", "null"]},
            "attempt": {"type": "integer", "minimum": 1, "description": "the run that comes next"},
            "due": _MS,
            "created": _MS,
            "reason": {"enum": ["retry", "countdown", "overflow", "paused", "resend"]},
            "state": {"enum": ["waiting", "queued", "running", "gone"]},
            "last": {"type": ["object", "null"], "description": "what the last run came to"},
            "source": {"type": ["string", "null"]},
        },
    },
    "PendingCalls": _list(_ref("PendingCall")),
    "Missed": _object(
        {
            "records": {"type": "integer", "description": "source records that are still to be looked at"},
            "since": _or_null(TEXT),
            "available_from": {**_or_null(TEXT), "description": "where retention has removed the beginning"},
            "sending": {"type": "boolean"},
            "stretches": _list(
                _object(
                    {
                        "id": TEXT,
                        "why": {"enum": ["disabled", "replay"]},
                        "topic": TEXT,
                        "partition": {"type": "integer"},
                        "next": {"type": "integer", "description": "the first offset that is still to be looked at"},
                        "end": {"type": ["integer", "null"], "description": "null as long as the hook is disabled"},
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
            "from": {**MOMENT, "description": "epoch seconds or ISO 8601; not after to"},
            "to": {**MOMENT, "description": "the end of the log, unless given"},
            "topics": {
                **_list({"enum": [kind.value for kind in OF_USERS]}),
                "minItems": 1,
                "description": "those that can fire the hook, unless given",
            },
            "dry_run": {"type": "boolean", "default": False},
        },
        "from",
    ),
    "Replay": _object(
        {
            "replay": {**TEXT, "description": "its id; not of a dry run"},
            "records": {"type": "integer", "description": "source records to be looked at"},
            "matches": {"type": "integer", "description": "those that fire the hook; of a dry run"},
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
            "hooks": _list(
                _object(
                    {
                        "hook_id": HOOK_ID,
                        "url": TEXT,
                        "matched": {"type": "boolean"},
                        "why": {**TEXT, "description": "or why not"},
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
        force={"type": "boolean", "default": False, "description": "also what was sent again in vain too often"}
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
            "maybe_applied": {"const": True, "description": "of a 503: the change may have been, or be, written"},
            "missed": _ref("Missed"),
        },
        "additionalProperties": TEXT,
        "description": "`detail`, or what is wrong with each field",
    },
}
