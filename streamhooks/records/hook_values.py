"""The values of a hook's fields that no other record has (docs/reference/hooks.md)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, cast, get_args

from streamhooks.errors import BrokenRecord
from streamhooks.masking import MASK
from streamhooks.records import custom_headers, patterns
from streamhooks.records.bounds import MAX_EVENTS, MAX_HEADER_BYTES, MAX_PROJECTS, MAX_URL
from streamhooks.records.fields import (
    choice,
    identity,
    listing,
    number,
    text,
    whole,
)
from streamhooks.records.hook_events import (
    OF_MESSAGES,
    SENTRY,
    SERVICE_EVENTS,
    Format,
    HookKind,
    expand_events,
    expand_types,
    kind_of_hook,
)
from streamhooks.records.json_schema import TEXT, Schema, of_list, or_null
from streamhooks.records.secret import SECRET_BYTES, check_secret, masked, wrong_in_new_secret
from streamhooks.records.value import Value

Status = Literal["active", "disabled"]

HOOK_ID: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}

MAX_ID: Final = 200
#: the smallest and the largest integer that is accepted as an id
WHOLE: Final = (-(2**63), 2**64 - 1)

_URL = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


def _shared_identity(fields: dict[str, Any], name: str) -> str:
    """Read an id that many hooks have: equal ones are one object, which saves its memory."""
    return sys.intern(identity(fields, name))


def _bad_id(value: Any) -> str | None:
    return f"must have at most {MAX_ID} characters" if len(str(value)) > MAX_ID else None


def _bad_projects(ids: list[Any]) -> str | None:
    if len(ids) > MAX_PROJECTS:  # duplicates count as well
        return f"must be at most {MAX_PROJECTS}"
    return next(filter(None, map(_bad_id, ids)), None)


def _project_ids(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(sorted({identity({name: value}, name) for value in listing(fields, name)}))


ID: Final[Schema] = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": MAX_ID},
        {"type": "integer", "minimum": WHOLE[0], "maximum": WHOLE[1]},
    ],
    "description": "ids are returned as texts",
}
ORGANIZATION: Final = Value("other", _shared_identity, ID, _bad_id, TEXT)
APP: Final = Value("other", _shared_identity, ID, _bad_id, {**or_null(TEXT), "description": "null for a service hook"})
PROJECTS: Final = Value(
    "ids",
    _project_ids,
    {**of_list(ID), "maxItems": MAX_PROJECTS, "description": "empty means every project"},
    _bad_projects,
    of_list(TEXT),
    # A stored hook may be over the bound, and is then shown with one more than it allows.
    lambda ids: list(ids[: MAX_PROJECTS + 1]),
    has_default=True,
    emptied=(),
)


def _url(fields: dict[str, Any], name: str) -> str:
    url = text(fields, name)
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        raise BrokenRecord(f"{name}: must be http or https and have at most {MAX_URL} characters")
    return url


def events_schema(event: Schema) -> Schema:
    """Return the schema of a list of events; `event` is the schema of each."""
    return {
        **of_list(event),
        "minItems": 1,
        "maxItems": MAX_EVENTS,
        "description": "of a message hook: types such as order.paid, order.* for all below order., * for all;"
        " of an app hook: <resource>.<action>, <resource>.* for all actions, * for all. A known resource"
        " alone, such as issue, means its known actions, which count as well",
    }


def _events(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    events, kind = listing(fields, name), kind_of_hook(fields.get("app_id"), _format_of(fields))
    if len(events) > MAX_EVENTS or not all(type(event) is str for event in events):
        return _expand(events, kind)
    return _expanded(tuple(events), kind)


def _format_of(fields: dict[str, Any]) -> str:
    """Return the format, or that of Sentry for what is none; the field itself says what is wrong."""
    return str(fields["format"]) if fields.get("format") in OF_MESSAGES else SENTRY


def _expand(events: Iterable[str], kind: HookKind) -> tuple[str, ...]:
    return expand_types(events) if kind == "message" else expand_events(events, kind == "app")


_expanded = lru_cache(maxsize=1000)(_expand)
"""The same, shared: most of a million hooks have one of a few lists."""


def _bad_events(events: list[Any]) -> str | None:
    if not events:
        return "must not be empty: the hook would get nothing"
    return f"must be at most {MAX_EVENTS}" if len(events) > MAX_EVENTS else None


def _status(fields: dict[str, Any], name: str) -> Status:
    return cast(Status, choice(fields, name, get_args(Status)))


def _format(fields: dict[str, Any], name: str) -> Format:
    found = choice(fields, name, get_args(Format))
    if found != SENTRY and fields.get("app_id") is not None:
        raise BrokenRecord(f"{name}: must be {SENTRY} for the hook of an app")
    return cast(Format, found)


SERVICE_EVENT: Final[Schema] = {"enum": list(SERVICE_EVENTS)}
APP_EVENT: Final[Schema] = {"type": "string", "pattern": patterns.APP_EVENT}
MESSAGE_TYPE: Final[Schema] = {"type": "string", "pattern": patterns.MESSAGE_TYPE}

URL: Final = Value(
    "url",
    _url,
    {
        "type": "string",
        "maxLength": MAX_URL,
        "pattern": patterns.URL,
        "description": "http or https; an address instead of a name only if it is allowed (see the settings"
        " STREAMHOOKS_ALLOWED_NETWORKS, _DENIED_NETWORKS, _ALLOWED_PORTS)",
    },
    stored=TEXT,
)
EVENTS: Final = Value(
    "events",
    _events,
    events_schema({"anyOf": [SERVICE_EVENT, APP_EVENT, MESSAGE_TYPE]}),
    _bad_events,
    of_list(TEXT),
    lambda events: list(events[: MAX_EVENTS + 1]),
)
VERSIONS: Final = (0,)
"""Of payloads; `FORMATS` in delivery/payloads.py has what is sent."""
_VERSIONS: Final = " or ".join(map(str, VERSIONS))
VERSION: Final = Value(
    "other",
    whole,
    {"type": "integer", "enum": list(VERSIONS), "description": "of the payload"},
    lambda version: None if version in VERSIONS else f"must be {_VERSIONS}",
    {"type": "integer", "minimum": 0, "description": f"of the payload; sent are {_VERSIONS}"},
)
FORMAT: Final = Value(
    "choice",
    _format,
    {
        "enum": list(get_args(Format)),
        "description": "of the payloads: sentry, or one of those that messages have; then events are types of messages",
    },
    has_default=True,
    emptied=SENTRY,
)
STATUS: Final = Value("other", _status, {"enum": list(get_args(Status))})


def read_replaced_secret(fields: dict[str, Any], name: str) -> str:
    """Read a replaced secret; it needs its end, and vice versa."""
    secret = text(fields, name, empty=True)
    if fields.get(f"{name}_until") is None:
        raise _alone(name)
    return secret


def read_end_of_secret(fields: dict[str, Any], name: str) -> float:
    """Read until when a replaced secret signs, in epoch seconds."""
    of_secret = name.removesuffix("_until")
    until = number(fields, name)
    if fields.get(of_secret) is None:
        raise _alone(of_secret)
    return until


def _alone(name: str) -> BrokenRecord:
    return BrokenRecord(f"{name}: needs {name}_until, and vice versa")


def _masked_headers(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if headers is None else dict.fromkeys(headers, MASK)


SECRET: Final = Value(
    "secret",
    lambda fields, name: check_secret(text(fields, name)),
    {
        "type": "string",
        "minLength": 16,
        "maxLength": 256,
        "pattern": patterns.SECRET,
        "description": "after whsec_, the base64 of {} to {} bytes must follow".format(*SECRET_BYTES),
    },
    wrong_in_new_secret,
    {**TEXT, "description": "plaintext when created or rotated, else masked"},
    masked,
)
HEADERS: Final = Value(
    "headers",
    lambda fields, _name: custom_headers.custom_headers(fields),
    or_null(
        {
            "type": "object",
            "additionalProperties": {
                "type": "string",
                "maxLength": custom_headers.MAX_VALUE,
                "pattern": patterns.HEADER_VALUE,
            },
            "propertyNames": {"maxLength": custom_headers.MAX_NAME, "pattern": patterns.HEADER_NAME},
            "maxProperties": custom_headers.MAX_HEADERS,
            "description": "custom headers, masked when shown; all names and values together have at most"
            f" {MAX_HEADER_BYTES} bytes of UTF-8. In a change, the mask as a value keeps the value,"
            " unless the URL moves to another origin",
        }
    ),
    custom_headers.wrong_in_new_headers,
    {**or_null({"type": "object", "additionalProperties": TEXT}), "description": "values are masked"},
    _masked_headers,
    has_default=True,
)


MAX_FILTER: Final = 1000
FILTER: Final = Value(
    "expression",
    text,
    or_null(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_FILTER,
            "description": "an expression of CEL over `message`: only messages for which it is true are sent."
            " Each is checked when it is given: see docs/filters.md",
        }
    ),
    stored=or_null(TEXT),
    has_default=True,
)


def read_resume(fields: dict[str, Any], name: str) -> str:
    """Read the decision about the records that a hook missed."""
    value = text(fields, name, empty=True)
    if value in ("skip", "all") or _SECONDS.fullmatch(value):
        return value
    raise BrokenRecord(f"{name}: must be skip, all, or a time")
