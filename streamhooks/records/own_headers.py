"""A hook's own headers: which names and values a request can carry beside what it has anyway."""

from __future__ import annotations

import re
from typing import Any, Final

from streamhooks.errors import BrokenRecord
from streamhooks.records.fields import optional_mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, 5.6.2
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")  # no line break can smuggle in another header
# Signed by us, owned by HTTP itself (RFC 9110, 7.6.1), or decided by the client that sends.
RESERVED: Final = (
    "host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*|user-agent"
    "|accept-encoding|webhook-.*|x-servicehook-.*|sentry-hook-.*|streamhooks-.*|request-id|traceparent|tracestate"
)
_RESERVED = re.compile(RESERVED, re.IGNORECASE)


def own_headers(fields: dict[str, Any]) -> dict[str, str] | None:
    """Read the field `headers`, which may be null; raise BrokenRecord, never with a value in its text."""
    headers = optional_mapping(fields, "headers")
    for name, value in (headers or {}).items():
        if not _NAME.fullmatch(name):
            raise BrokenRecord("headers: a name is no token (RFC 9110)")
        if _RESERVED.fullmatch(name):
            raise BrokenRecord(f"headers: {name[:100]} is reserved")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise BrokenRecord(f"headers: the value of {name[:100]} must be a text without control characters")
    return headers
