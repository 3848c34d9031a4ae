"""The bounds of a hook: a new hook must keep to them; nothing is sent to a stored hook that is over them.

The cost of a hook on every worker grows with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from typing import Final

MAX_URL: Final = 512
MAX_EVENTS: Final = 100
MAX_PROJECTS: Final = 1000
MAX_HEADER_BYTES: Final = 8192
"""Of all names and values of a hook's custom headers together, in UTF-8, as plaintext."""

BLANK: Final = r" \xa0\xad\u061c\u1680\u180e\u2000-\u200f\u202f\u205f-\u2064\u3000\ufeff"
"""Invisible characters, as a class of regular expressions: a text must contain others as well."""

_BLANK = re.compile(f"[{BLANK}]*")
# Control characters, and those that break a line, change the text direction, or are half a surrogate pair.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def over_bounds(events: Sized, project_ids: Sized, headers: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """Yield each field that is over its bound, with the text of that bound."""
    if len(events) > MAX_EVENTS:
        yield "events", f"must be at most {MAX_EVENTS}"
    if len(project_ids) > MAX_PROJECTS:
        yield "project_ids", f"must be at most {MAX_PROJECTS}"
    if headers and _is_over(headers):
        yield "headers", f"names and values must have at most {MAX_HEADER_BYTES} bytes of UTF-8 together"


def wrong_in_label(text: object, longest: int) -> str | None:
    """Return what is wrong with a text for people of at most `longest` characters; None if nothing is."""
    if not isinstance(text, str) or _BLANK.fullmatch(text):
        return "must be a text with a visible character"
    if len(text) > longest:
        return f"must have at most {longest} characters"
    return "must be one line without control characters" if _UNFIT.search(text) else None


def _is_over(headers: Mapping[str, str]) -> bool:
    characters = sum(map(len, headers)) + sum(map(len, headers.values()))
    if characters * 4 <= MAX_HEADER_BYTES:  # a character has at most 4 bytes
        return False
    return sum(len(name.encode()) + len(value.encode()) for name, value in headers.items()) > MAX_HEADER_BYTES
