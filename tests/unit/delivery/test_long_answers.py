"""Answers that are longer than what is kept of them, or without an end."""

from __future__ import annotations

import pytest
from test_answers import CHUNKED, MOST, OK, read

from streamhooks.delivery.answers import MAX_INTERIM, MAX_LINE, AnswerReader, State
from streamhooks.delivery.heads import MAX_HEAD


@pytest.mark.parametrize("framing", [b"Content-Length: 40000\r\n\r\n", b"\r\n"])
@pytest.mark.parametrize("size", [1000, 10**6])
def test_of_a_long_body_the_beginning_is_kept(framing: bytes, size: int) -> None:
    reader = read(OK + framing + b"x" * 40_000, size)
    assert reader.state is State.CUT
    assert reader.body == b"x" * MOST
    assert not reader.keeps


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "interim answers": (b"", b"HTTP/1.1 103 E\r\n\r\n"),
    "headers": (OK, b"A: b\r\n"),
    "a header": (OK, b"A" * 8),
    "empty lines": (b"", b"\r\n"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "a chunk's extension": (CHUNKED + b"1;", b"x" * 8),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n"),
    "a body": (OK + b"\r\n", b"x" * 8),
}


@pytest.mark.parametrize("size", [1, 1000, 10**6])
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_read_to_its_bound(name: str, size: int) -> None:
    beginning, part = FLOODS[name]
    data = beginning + part * 30_000
    reader = AnswerReader(MOST)
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        assert reader.kept_bytes <= MOST + MAX_HEAD + MAX_LINE
        if reader.state is not State.OPEN:
            break
    assert reader.state in (State.BROKEN, State.CUT)
    assert reader.heads <= MAX_INTERIM + 1
