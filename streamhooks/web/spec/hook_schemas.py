"""The JSON schemas of hooks: as they are made, changed and shown."""

from __future__ import annotations

from typing import Final

from streamhooks.delivery.addresses import MAX_URL_LENGTH
from streamhooks.hooks.trouble import TROUBLES
from streamhooks.records import bounds, rotation
from streamhooks.records.hook_events import SERVICE_EVENTS
from streamhooks.records.secret import SECRET_BYTES
from streamhooks.web.rules import hook_input, patterns
from streamhooks.web.spec.values import HOOK_ID, ID, MOMENT, STATUS, TEXT, Schema
from streamhooks.web.spec.values import of_list as _list
from streamhooks.web.spec.values import of_object as _object
from streamhooks.web.spec.values import of_ref as _ref
from streamhooks.web.spec.values import or_null as _or_null

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


def _label(longest: int, description: str) -> Schema:
    text = {"type": "string", "maxLength": longest, "pattern": patterns.LABEL}
    return {**_or_null(text), "description": description}


_LOW, _HIGH = hook_input.RATE_LIMITS

_SETTABLE: Final[dict[str, Schema]] = {
    "name": _label(bounds.MAX_NAME, "what people call it"),
    "description": _label(bounds.MAX_DESCRIPTION, "for people, in one line"),
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
        "description": "one that begins with whsec_ has {} to {} bytes after that, in base64".format(*SECRET_BYTES),
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
    "trouble": {
        "enum": [*TROUBLES, None],
        "description": "the worst of these that it is in; null if it is in none, or its owner has disabled it",
    },
    "date_created": {**TEXT, "description": "ISO 8601"},
    "revision": {"type": "integer", "minimum": 1, "description": "of what is wished; in quotes it is the ETag"},
}

_WARNINGS: Final[Schema] = {
    **_list(TEXT),
    "description": "what may be a slip, when a hook was made or changed: an unknown action of a known resource",
}


def _new_hook(of_kind: dict[str, Schema], *required: str) -> Schema:
    """Null and absent are the same where a field is not needed."""
    fields = {"organization_id": ID, **_SETTABLE, **of_kind}
    needed = (*hook_input.REQUIRED, *required)
    return _object({name: one if name in needed else _or_null(one) for name, one in fields.items()}, *needed)


OF_HOOKS: Final[dict[str, Schema]] = {
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
}
