"""The head of a response: its status line decides; its fields, if well-formed, say where the body ends.

Servers, proxies and devices send heads that a strict parser refuses. A status that can be read still counts: the
endpoint has seen the request, and would otherwise get it again and again. What such a head says about the body is
ignored.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_HEAD = 16 * 1024
MAX_HEADERS = 128

#: in place of a length: the body comes in chunks, or ends with the connection
CHUNKED = -1
UNTIL_CLOSE = -2

_SWITCHING = 101
_NO_CONTENT = 204
_NOT_MODIFIED = 304

_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9][ \t]+([1-5][0-9]{2})(?=[ \t\r\n]|\Z)")
_WELL_FORMED = re.compile(
    rb"HTTP/1\.[01] [0-9]{3}(?: [\t -~\x80-\xff]*+)?\r?\n"
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r?\n)*+\r?\n"
)
_FIELDS = re.compile(
    rb"\n(content-length|transfer-encoding|connection|retry-after|keep-alive)[ \t]*:([^\n]*)", re.IGNORECASE
)
_TOKENS = re.compile(rb"[^, \t\r]+")
_TIMEOUT = re.compile(rb"(?:^|[,; \t])timeout[ \t]*=[ \t]*([0-9]{1,9})", re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n|\r")
_LENGTH = re.compile(rb"[0-9]{1,18}")


Fields = tuple[tuple[str, str], ...]
"""Names and values."""


class Head(NamedTuple):
    """The parsed head of a response.

    length -- of the body in bytes, or `CHUNKED`, or `UNTIL_CLOSE`. keeps -- whether the endpoint keeps the connection.
    retry_after -- the `Retry-After` values in their order. keep_seconds -- how long the endpoint keeps the connection,
    if it says so. If the head is not well_formed, only retry_after and the status count.
    """

    status: int
    well_formed: bool
    length: int
    keeps: bool
    retry_after: tuple[str, ...]
    keep_seconds: int | None = None

    @property
    def is_interim(self) -> bool:
        """Tell whether another response follows; not after 101, which ends HTTP on its connection."""
        return self.status < 200 and self.status != _SWITCHING


def has_status_line(text: bytes) -> bool:
    """Tell whether a text begins with `HTTP/1.`, a digit, and a status from 100 to 599."""
    return _STATUS_LINE.match(text) is not None


def head_of(text: bytes, *, whole: bool = True) -> Head | None:
    """Parse a head that ends with its empty line; `whole` False means that it is only the beginning of one.

    Returns None if it has no status line: see `has_status_line`.
    """
    line = _STATUS_LINE.match(text)
    if line is None:
        return None
    status = int(line[1])
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options = b""
    retry_after: list[str] = []
    keep_seconds: int | None = None
    for name, value in _FIELDS.findall(text):
        match name.lower():
            case b"content-length":
                lengths.append(value.strip())
            case b"transfer-encoding":
                codings.append(value.strip().lower())
            case b"connection":
                options += b"," + value.lower()
            case b"keep-alive":
                found = _TIMEOUT.search(value)
                keep_seconds = int(found[1]) if found else keep_seconds
            case _:
                retry_after.append(value.strip().decode("latin-1"))
    length = _length(status, lengths, codings)
    is_old = text.startswith(b"HTTP/1.0")
    if (
        not whole
        or length is None
        or (is_old and codings)
        or text.count(b"\n") > MAX_HEADERS + 2
        or not _WELL_FORMED.fullmatch(text)
    ):
        return Head(status, False, UNTIL_CLOSE, False, tuple(retry_after))
    keeps = _keeps(options, is_old) and length != UNTIL_CLOSE and status != _SWITCHING
    return Head(status, True, length, keeps, tuple(retry_after), keep_seconds)


def fields_of(head: bytes) -> Fields:
    """Return the names and values of a head's fields in their order, at most the first `MAX_HEADERS`.

    A folded line belongs to the field before it. For a line that is not a field, the name is the whole line.
    """
    found: list[tuple[str, str]] = []
    for line in _LINE_END.split(head)[1:]:
        if not line:
            break
        text = line.decode(errors="replace")
        if text[0] in " \t" and found:
            name, value = found[-1]
            found[-1] = name, f"{value} {text.strip()}".strip()
            continue
        if len(found) == MAX_HEADERS:
            break
        name, _, value = text.partition(":")
        found.append((name.strip(), value.strip()))
    return tuple(found)


def _length(status: int, lengths: list[bytes], codings: list[bytes]) -> int | None:
    """Return the length of the body, or None if the fields contradict each other or are invalid."""
    if len(lengths) + len(codings) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        return None
    if status < 200 or status in (_NO_CONTENT, _NOT_MODIFIED):
        return None if codings or (lengths and int(lengths[0])) else 0
    if codings:
        return CHUNKED if codings[0] == b"chunked" else None
    return int(lengths[0]) if lengths else UNTIL_CLOSE


def _keeps(options: bytes, is_old: bool) -> bool:
    if not options:
        return not is_old
    tokens = _TOKENS.findall(options)
    return b"close" not in tokens and (not is_old or b"keep-alive" in tokens)
