"""The JSON schemas of the OpenAPI document (JSON Schema 2020-12, as OpenAPI 3.1 has it)."""

from __future__ import annotations

from typing import Final

from streamhooks.delivery.addresses import MAX_URL_LENGTH
from streamhooks.delivery.heads import MAX_HEADERS
from streamhooks.records import bounds, rotation
from streamhooks.records.hook_events import SERVICE_EVENTS
from streamhooks.tasks.matching import SOURCES
from streamhooks.web import hook_input, patterns
from streamhooks.web.values import HOOK_ID, ID, LETTER, MOMENT, STATUS, TEXT, Schema
from streamhooks.web.values import of_list as _list
from streamhooks.web.values import of_object as _object
from streamhooks.web.values import of_ref as _ref
from streamhooks.web.values import or_null as _or_null

_MS: Final[Schema] = {"type": "integer", "description": "epoch milliseconds"}
_SERVICE_EVENT: Final[Schema] = {"enum": list(SERVICE_EVENTS)}
_APP_EVENT: Final[Schema] = {"type": "string", "pattern": patterns.APP_EVENT}


def _events(event: Schema) -> Schema:
    return {
        **_list(event),
        "minItems": 1,
        "maxItems": bounds.MAX_EVENTS,
        "description": "of an app hook: <resource>.<action>, <resource>.* for all actions, * for all. A known resource"
        " alone, such as issue, means its known actions, which count as well",
    }


_LOW, _HIGH = hook_input.RATE_LIMITS

_SETTABLE: Final[dict[str, Schema]] = {
    "url": {
        "type": "string",
        "maxLength": MAX_URL_LENGTH,
        "pattern": patterns.URL,
        "description": "http or https; an address in place of a name if it may be reached (see the settings"
        " STREAMHOOKS_ALLOWED_NETWORKS, _DENIED_NETWORKS, _ALLOWED_PORTS)",
    },
    "events": _events({"anyOf": [_SERVICE_EVENT, _APP_EVENT]}),
    "secret": {
        "type": "string",
        "minLength": 16,
        "maxLength": 256,
        "pattern": patterns.SECRET,
        "description": "one that begins with whsec_ has {} to {} bytes after that, in base64".format(
            *bounds.SECRET_BYTES
        ),
    },
    "project_ids": {
        **_list(ID),
        "maxItems": bounds.MAX_PROJECTS,
        "description": "none means every project",
    },
    "version": {"type": "integer", "enum": [0], "description": "of the payload; 0 is the only one today"},
    "status": STATUS,
    "headers": _or_null(
        {
            "type": "object",
            "additionalProperties": {
                "type": "string",
                "maxLength": hook_input.MAX_HEADER_VALUE,
                "pattern": patterns.HEADER_VALUE,
            },
            "propertyNames": {"maxLength": hook_input.MAX_HEADER_NAME, "pattern": patterns.HEADER_NAME},
            "maxProperties": hook_input.MAX_HEADERS,
            "description": "own headers, masked when shown; names and values have at most"
            f" {bounds.MAX_HEADER_BYTES} bytes of UTF-8 together. In a change, the mask as a value keeps the value,"
            " unless the URL goes to another origin",
        }
    ),
    "timeout": _or_null({"type": "number", "exclusiveMinimum": 0, "maximum": hook_input.MAX_TIMEOUT}),
    "max_in_flight": _or_null({"type": "integer", "minimum": 1, "maximum": hook_input.MAX_IN_FLIGHT}),
    "rate_limit": _or_null({"type": "number", "minimum": _LOW, "maximum": _HIGH}),
    "retry_schedule": _or_null(
        {
            **_list({"type": "number", "minimum": 0, "maximum": hook_input.MAX_DELAY}),
            "maxItems": hook_input.MAX_RETRIES,
        }
    ),
}

_SHOWN: Final[dict[str, Schema]] = {
    "id": HOOK_ID,
    "organization_id": TEXT,
    "app_id": {**_or_null(TEXT), "description": "null for a service hook"},
    **_SETTABLE,
    "url": TEXT,
    # What is stored may be over the bounds, and is shown cut to one more than they allow.
    "events": _list(TEXT),
    "version": {"type": "integer", "minimum": 0, "description": "of the payload; only 0 is sent"},
    "project_ids": _list(TEXT),
    "headers": {**_or_null({"type": "object", "additionalProperties": TEXT}), "description": "values are masked"},
    "retry_schedule": _or_null(_list({"type": "number", "minimum": 0})),
    "secret": {**TEXT, "description": "in clear when created and rotated, else masked"},
    "previous_secrets_until": {
        **_list(TEXT),
        "maxItems": rotation.MOST,
        "description": "ISO 8601; until when each former secret signs too, that of the latest one first",
    },
    "status_reason": _or_null(TEXT),
    "disabled_since": {**_or_null(TEXT), "description": "ISO 8601"},
    "failing_since": {**_or_null(TEXT), "description": "ISO 8601; since when every attempt failed"},
    "paused_until": {**_or_null(TEXT), "description": "ISO 8601; until when the endpoint asked not to be called"},
    "breaker": {"type": "string", "enum": ["closed", "open"]},
    "date_created": {**TEXT, "description": "ISO 8601"},
    "revision": {"type": "integer", "minimum": 1, "description": "of what is wished; in quotes it is the ETag"},
}

_WARNINGS: Final[Schema] = {
    **_list(TEXT),
    "description": "what may be a slip, when a hook was made or changed: an unknown action of a known resource",
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
    "request_headers": {**_HEADERS, "description": "all; the values of the hook's own are masked"},
    "request": {"type": ["string", "null"], "description": "the body; null if nothing was sent"},
    "response_headers": {
        **_HEADERS,
        "maxItems": MAX_HEADERS,
        "description": "all of the last answer, at most 16 KiB; what they repeat of our secrets is masked",
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


def _new_hook(of_kind: dict[str, Schema], *required: str) -> Schema:
    """Null and absent are the same where a field is not needed."""
    fields = {"organization_id": ID, **_SETTABLE, **of_kind}
    needed = (*hook_input.REQUIRED, *required)
    return _object({name: one if name in needed else _or_null(one) for name, one in fields.items()}, *needed)


SCHEMAS: Final[dict[str, Schema]] = {
    "NewHook": {"anyOf": [_ref("NewServiceHook"), _ref("NewAppHook")]},
    "NewServiceHook": _new_hook({"app_id": {"type": "null"}, "events": _events(_SERVICE_EVENT)}),
    "NewAppHook": _new_hook({"app_id": ID, "events": _events(_APP_EVENT)}, "app_id"),
    "HookChange": {
        **_object(
            {
                **_SETTABLE,
                "project_ids": _or_null(_SETTABLE["project_ids"]),
                hook_input.RESUME: {
                    "anyOf": [{"enum": ["skip", "all"]}, *MOMENT["anyOf"]],
                    "description": "skip, all, or from when on: what becomes of what it missed; needed if it did."
                    " With status: active",
                },
            }
        ),
        "dependentSchemas": {
            hook_input.RESUME: {"required": ["status"], "properties": {"status": {"const": "active"}}},
        },
    },
    "Hook": _object({**_SHOWN, "warnings": _WARNINGS}, *_SHOWN),
    "ChangedHook": _object({**_SHOWN, "warnings": _WARNINGS, "missed": _ref("Missed")}, *_SHOWN),
    "Hooks": _object({"hooks": _list(_ref("Hook")), "next_cursor": _or_null(TEXT)}, "hooks", "next_cursor"),
    "Sample": _object({"event": TEXT, "events": _list(TEXT), "body": {"type": "object"}}, "event", "events", "body"),
    "NewTest": _object({"event": _or_null(EVENT), "body": _or_null({"type": "object"})}),
    "Tested": _object(_TESTED, *_TESTED),
    "Points": _list(_object({"ts": {"type": "integer"}, "total": {"type": "integer"}}, "ts", "total")),
    "Attempts": _list(
        {
            "type": "object",
            "properties": {
                "webhook_id": TEXT,
                "id": {**TEXT, "description": "the webhook-id, under its name of 0.1.0"},
                "attempt": {"type": "integer", "minimum": 1},
                "at": _MS,
                "outcome": {
                    "enum": ["delivered", "retried", "dead", "dropped", "failed"],
                    "description": "failed is a test that was not delivered",
                },
                "cause": {
                    "enum": ["live", "retry", "replay", "resume", "redrive", "test", None],
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
            },
        }
    ),
    "PendingCall": {
        "type": "object",
        "properties": {
            "webhook_id": TEXT,
            "call_id": {**TEXT, "description": "the key of its record in delayed; by this 0.1.0 named a call"},
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
                **_list({"enum": list(SOURCES)}),
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
