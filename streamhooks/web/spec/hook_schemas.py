"""The JSON schemas of hooks: when they are created, changed and shown."""

from __future__ import annotations

from typing import Final

from streamhooks.records.hook import CHANGEABLE, CREATABLE, FIELDS, names_for
from streamhooks.records.hook_events import OF_MESSAGES, SENTRY
from streamhooks.records.hook_values import APP_EVENT, ID, MESSAGE_TYPE, SERVICE_EVENT, events_schema
from streamhooks.records.json_schema import TEXT, Schema
from streamhooks.records.json_schema import of_list as _list
from streamhooks.records.json_schema import of_object as _object
from streamhooks.records.json_schema import or_null as _or_null
from streamhooks.web.http.observed import BY_NAME
from streamhooks.web.rules.hook_input import REQUIRED, RESUME
from streamhooks.web.spec.values import MOMENT
from streamhooks.web.spec.values import of_ref as _ref

_NULL: Final[Schema] = {"type": "null"}
_SENTRY: Final[Schema] = {"const": SENTRY}
_SETTABLE: Final = {name: FIELDS[name].value.schema for name in CHANGEABLE}


def _changed(name: str) -> Schema:
    """Return the schema of a field in a change; null means the default, where there is one."""
    value = FIELDS[name].value
    has_null = {"type": "null"} in value.schema.get("anyOf", ())
    return _or_null(value.schema) if value.has_default and not has_null else value.schema


def _seen(*names: str) -> dict[str, Schema]:
    return {name: FIELDS[name].schema_shown for name in names}


_SHOWN: Final[dict[str, Schema]] = {
    **_seen("id", *CREATABLE),
    **{name: one.schema for name, one in BY_NAME.items()},
    **_seen(*names_for("see")),
}

_WARNINGS: Final[Schema] = {
    **_list(TEXT),
    "description": "possible mistakes in the events of a created or changed hook: unknown actions of known resources",
}


def _new_hook(of_kind: dict[str, Schema], *required: str) -> Schema:
    """Return the schema of a new hook; where a field is not required, null and absent are the same."""
    at_creation = {name: FIELDS[name].value.schema for name in names_for("create") if name not in of_kind}
    fields = {**at_creation, **_SETTABLE, **of_kind}
    needed = (*REQUIRED, *required)
    return _object({name: one if name in needed else _or_null(one) for name, one in fields.items()}, *needed)


OF_HOOKS: Final[dict[str, Schema]] = {
    "NewHook": {"anyOf": [_ref("NewServiceHook"), _ref("NewAppHook"), _ref("NewMessageHook")]},
    "NewServiceHook": _new_hook({"app_id": _NULL, "events": events_schema(SERVICE_EVENT), "format": _SENTRY}),
    "NewAppHook": _new_hook({"app_id": ID, "events": events_schema(APP_EVENT), "format": _SENTRY}, "app_id"),
    "NewMessageHook": _new_hook(
        {"app_id": _NULL, "events": events_schema(MESSAGE_TYPE), "format": {"enum": list(OF_MESSAGES)}}, "format"
    ),
    "HookChange": {
        **_object(
            {
                **{name: _changed(name) for name in CHANGEABLE},
                RESUME: {
                    "anyOf": [{"enum": ["skip", "all"]}, *MOMENT["anyOf"]],
                    "description": "what to do with missed records: skip, all, or the time from which they are sent."
                    " Only with status: active; required if records were missed",
                },
            }
        ),
        "dependentSchemas": {
            RESUME: {"required": ["status"], "properties": {"status": {"const": "active"}}},
        },
    },
    "Hook": _object({**_SHOWN, "warnings": _WARNINGS}, *_SHOWN),
    "ChangedHook": _object({**_SHOWN, "warnings": _WARNINGS, "missed": _ref("Missed")}, *_SHOWN),
    "Hooks": _object({"hooks": _list(_ref("Hook")), "next_cursor": _or_null(TEXT)}, "hooks", "next_cursor"),
}
