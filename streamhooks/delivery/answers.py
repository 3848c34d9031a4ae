"""Reads one response, however it is split; parses and keeps only the parts that count."""

from __future__ import annotations

import re
import sys
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from streamhooks.delivery.heads import CHUNKED, MAX_HEAD, UNTIL_CLOSE, Head, has_status_line, head_of

MAX_INTERIM = 16
#: bytes of a line between or after chunks, and the number of such lines: sizes, ends of chunks, trailers
MAX_LINE = 1024
MAX_LINES = 256

#: a longer head is not plain: a thousand of them are remembered
_PLAIN_HEAD = 1024
_PLAIN_ANSWER = 512

_BEGINNING = b"HTTP/1."
_HEAD_END = re.compile(rb"\n\r?\n")
_EMPTY_LINES = re.compile(rb"[\r\n]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


class State(Enum):
    """How far a response has been read."""

    OPEN = "more is to come"
    COMPLETE = "its end has come, and nothing after it"
    CUT = "the part of the body that is kept has come, and the rest does not count"
    BROKEN = "it is not HTTP, or does not match its head, or its head is malformed"


class _Line(Enum):
    """What the next line between or after chunks is."""

    SIZE = "the size of a chunk"
    END = "the end of a chunk"
    TRAILER = "a trailer, or the end of the response"


class Came(NamedTuple):
    """A response that has come: its head, the bytes of that, and the part of its body that is kept."""

    head: Head
    head_text: bytes
    body: bytes


def plain(data: bytes, max_body: int) -> Came | None:
    """Return the response if the data is exactly one, well-formed, and another may follow; else None.

    For such data, an `AnswerReader` gives the same and is COMPLETE. It takes several times as long.
    """
    return _known_answer(data, max_body) if len(data) <= _PLAIN_ANSWER else _plain(data, max_body)


def _plain(data: bytes, max_body: int) -> Came | None:
    end = data.find(b"\r\n\r\n", 0, _PLAIN_HEAD) + 4
    text = data[:end]
    head = _known_head(text) if end > 3 else None
    if head is None or not head.keeps or head.is_interim or not head.length == len(data) - end <= max_body:
        return None
    return Came(head, text, data[end:])


#: endpoints repeat their heads, at least within a second, and often whole answers
_known_head = lru_cache(maxsize=1024)(head_of)
_known_answer = lru_cache(maxsize=1024)(_plain)


class AnswerReader:
    """Reads a response: feed it while its state is OPEN.

    head -- of the final response; None before it has come, and if there is none. head_text -- its bytes. body -- at
    most the first `max_body` bytes of its body. heads -- how many were parsed. fault -- why it is not a response, else
    empty.

    If a head or an interim head before it is not well-formed, only the status counts. The rest is not read: its body is
    what happened to come along. An interim head ends at its empty line.
    """

    def __init__(self, max_body: int) -> None:
        self.state = State.OPEN
        self.head: Head | None = None
        self.head_text = b""
        self.heads = 0
        self.body = bytearray()
        self.fault = ""
        self._max_body = max_body
        self._rest = b""
        self._searched = 0
        self._before = 0
        self._has_flaw = False
        self._left = 0
        self._line = _Line.SIZE
        self._lines = 0

    @property
    def keeps(self) -> bool:
        """Tell whether the next request may use the same connection."""
        return self.state is State.COMPLETE and self.head is not None and self.head.keeps

    @property
    def kept_bytes(self) -> int:
        """Return how many bytes it keeps."""
        return len(self._rest) + len(self.head_text) + len(self.body)

    def feed(self, data: bytes) -> None:
        """Read the next bytes. Bytes after the end of a complete response make it broken."""
        if self.state is not State.OPEN:
            if self.state is State.COMPLETE:
                self.state = State.BROKEN
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        position = 0
        if self.head is None:
            position = self._read_heads(data)
            if self.head is None:
                return
        if not self.head.well_formed:
            self.body += data[position : position + self._max_body]
        elif self.head.length == CHUNKED:
            self._read_chunks(data, position)
        else:
            self._read_counted(data, position)

    def end(self) -> None:
        """Record that the connection has ended, and with it a body that has no other end."""
        if self.state is State.OPEN and self.head is not None:
            self.state = State.COMPLETE if self.head.length == UNTIL_CLOSE else State.BROKEN

    def _read_heads(self, data: bytes) -> int:
        """Read heads up to that of the final response; return where its body begins."""
        position = 0
        while self.head is None and self.state is State.OPEN:
            position = self._skip_empty_lines(data, position)
            if self._before > MAX_HEAD:
                self._give_up(f"more than {MAX_HEAD} bytes before a response")
                break
            if not _BEGINNING.startswith(data[position : position + len(_BEGINNING)]):
                self._give_up("no HTTP/1 status line")
                break
            found = _HEAD_END.search(data, position + self._searched, position + MAX_HEAD)
            if found is None:
                return self._read_unfinished(data, position)
            self._searched = 0
            text = data[position : found.end()]
            self._take(head_of(text), text)
            position = found.end()
        return position

    def _skip_empty_lines(self, data: bytes, position: int) -> int:
        if data[position : position + 1] not in (b"\r", b"\n"):
            return position
        found = _EMPTY_LINES.match(data, position)
        end = found.end() if found else position
        self._has_flaw = True
        self._before += end - position
        return end

    def _read_unfinished(self, data: bytes, position: int) -> int:
        """Keep the beginning of a head; if it gets too long, treat it as the whole head."""
        text = data[position : position + MAX_HEAD]
        if len(text) == MAX_HEAD:
            head = head_of(text, whole=False)
            if head is not None and head.is_interim:
                self._give_up(f"an interim response with a head of more than {MAX_HEAD} bytes")
            else:
                self._take(head, text)
            return len(data)
        if b"\n" in text and not has_status_line(text):
            self._give_up("no HTTP/1 status line with a status from 100 to 599")
        self._rest = text
        # The end of a head may be split, and has at most three bytes.
        self._searched = max(0, len(text) - 2)
        return len(data)

    def _take(self, head: Head | None, text: bytes) -> None:
        if head is None:
            self._give_up("no HTTP/1 status line with a status from 100 to 599")
            return
        self.heads += 1
        if head.is_interim:
            self._has_flaw |= not head.well_formed
            self._before += len(text)
            if self.heads > MAX_INTERIM:
                self._give_up(f"more than {MAX_INTERIM} interim responses")
            return
        if self._has_flaw:
            head = head._replace(well_formed=False)
        self.head, self.head_text = head, text
        if not head.well_formed:
            self.state = State.BROKEN
        elif head.length != CHUNKED:
            self._left = sys.maxsize if head.length == UNTIL_CLOSE else head.length

    def _give_up(self, fault: str) -> None:
        self.fault = fault
        self.state = State.BROKEN

    def _read_counted(self, data: bytes, position: int) -> None:
        end = self._read_body(data, position)
        if not self._left and self.state is State.OPEN:
            self.state = State.COMPLETE if end == len(data) else State.BROKEN

    def _read_body(self, data: bytes, position: int) -> int:
        """Read the rest of a body or a chunk; return where it ends in the data."""
        part = data[position : position + self._left]
        room = self._max_body - len(self.body)
        self._left -= len(part)
        self.body += part[:room]
        if len(part) > room or (self._left and len(part) == room):
            self.state = State.CUT
        return position + len(part)

    def _read_chunks(self, data: bytes, position: int) -> None:
        while self.state is State.OPEN:
            if self._left:
                position = self._read_body(data, position)
                if self._left:
                    return
                self._line = _Line.END
            end = data.find(b"\r\n", position, position + MAX_LINE)
            if end < 0:
                self._rest = data[position : position + MAX_LINE]
                if len(self._rest) == MAX_LINE:
                    self.state = State.BROKEN
                return
            self._read_line(data[position:end])
            position = end + 2
        if self.state is State.COMPLETE and position < len(data):
            self.state = State.BROKEN

    def _read_line(self, line: bytes) -> None:
        self._lines += 1
        size = _CHUNK.fullmatch(line) if self._line is _Line.SIZE else None
        if self._lines > MAX_LINES:
            self.state = State.BROKEN
        elif size:
            self._left = int(size[1], 16)
            if not self._left:
                self._line = _Line.TRAILER
        elif self._line is _Line.END and not line:
            self._line = _Line.SIZE
        elif self._line is not _Line.TRAILER:
            self.state = State.BROKEN
        elif not line:
            self.state = State.COMPLETE
