"""Custom headers of a hook: the names and values that may be added to those of every request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from streamhooks.errors import BrokenRecord
from streamhooks.masking import MASK
from streamhooks.records.fields import optional_mapping
from streamhooks.records.secret import SEALED

#: bounds of a new hook
MAX_HEADERS: Final = 20
MAX_NAME: Final = 100
MAX_VALUE: Final = 1024

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, 5.6.2
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")  # a line break would inject another header
_SENDABLE = re.compile(r"[\t\x20-\x7e]*")
# Set by streamhooks, by HTTP itself (RFC 9110, 7.6.1), or by the HTTP client.
RESERVED: Final = (
    "host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*|user-agent"
    "|accept-encoding|webhook-.*|x-servicehook-.*|sentry-hook-.*|streamhooks-.*|request-id|traceparent|tracestate"
)
_RESERVED = re.compile(RESERVED, re.IGNORECASE)


def custom_headers(fields: dict[str, Any]) -> dict[str, str] | None:
    """Read the field `headers`, which may be null; raise BrokenRecord without any value in its text."""
    headers = optional_mapping(fields, "headers")
    for name, value in (headers or {}).items():
        if not _NAME.fullmatch(name):
            raise BrokenRecord("headers: a name is not a token (RFC 9110)")
        if _RESERVED.fullmatch(name):
            raise BrokenRecord(f"headers: {name[:100]} is reserved")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise BrokenRecord(f"headers: the value of {name[:100]} must be a text without control characters")
    return headers


def wrong_in_new_headers(headers: Mapping[str, str]) -> str | None:
    """Return what is wrong with the headers of a new hook that `custom_headers` accepts."""
    if len(headers) > MAX_HEADERS:
        return f"must be at most {MAX_HEADERS}"
    if len({name.lower() for name in headers}) < len(headers):
        return "a name is given twice"
    return next(filter(None, (_bad_header(name, value) for name, value in headers.items())), None)


def _bad_header(name: str, value: str) -> str | None:
    if len(name) > MAX_NAME:
        return f"a name must have at most {MAX_NAME} characters"
    if value.startswith(SEALED):
        return f"the value of {name} must be plaintext, not {SEALED}…"
    if len(value) > MAX_VALUE or not _SENDABLE.fullmatch(value):
        return f"the value of {name} must have at most {MAX_VALUE} characters, all ASCII"
    if value == MASK:
        return f"the value of {name} is a mask, and there is no value to keep"
    return None
