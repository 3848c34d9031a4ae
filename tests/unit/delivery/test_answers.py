"""One answer, read from its bytes: whatever they are, however they are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.delivery.answers import MAX_INTERIM, AnswerReader, State
from streamhooks.delivery.heads import MAX_HEAD, MAX_HEADERS

MOST = 16 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"Content-Length: 2\r\n\r\nok"


def read(data: bytes, size: int, *, ends: bool = False) -> AnswerReader:
    """Read an answer in pieces of `size` bytes."""
    reader = AnswerReader(MOST)
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    if ends:
        reader.end()
    return reader


# name: (answer, the connection is kept)
WELL_FORMED: dict[str, tuple[bytes, bool]] = {
    "plain": (OK + TWO, True),
    "lower case": (b"HTTP/1.1 200 ok\r\ncontent-length: 2\r\n\r\nok", True),
    "no reason": (b"HTTP/1.1 200 \r\n" + TWO, True),
    "no reason, no space": (b"HTTP/1.1 200\r\n" + TWO, True),
    "line feeds only": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", True),
    "both line ends": (b"HTTP/1.1 200 OK\nA: b\r\nContent-Length: 2\r\n\nok", True),
    "latin-1": (OK + b"X-A: caf\xe9\r\n" + TWO, True),
    "tabs": (OK + b"X-A:\ta\tb\t\r\n" + TWO, True),
    "a value with colons": (OK + b"X-A: a:b: c\r\n" + TWO, True),
    "no value": (OK + b"X-A:\r\n" + TWO, True),
    "a length with zeros in front": (OK + b"Content-Length: 002\r\n\r\nok", True),
    "128 headers": (OK + b"A: b\r\n" * (MAX_HEADERS - 1) + TWO, True),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
    "Chunked": (OK + b"Transfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
    "chunks, extensions": (OK + b'Transfer-Encoding: chunked\r\n\r\n1 ;a\r\no\r\n1;a="b"\r\nk\r\n0;x\r\n\r\n', True),
    "chunks, trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n02\r\nok\r\n000\r\nA: b\r\nC: d\r\n\r\n", True),
    "100 before": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + TWO, True),
    "16 interim before": (b"HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n" * MAX_INTERIM + OK + TWO, True),
    "closes": (OK + b"Connection: close\r\n" + TWO, False),
    "closes among others": (OK + b"Connection: x, Close\r\n" + TWO, False),
    "closes in a second header": (OK + b"Connection: x\r\nConnection: close\r\n" + TWO, False),
    "until the end": (OK + b"\r\nok", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
    "HTTP/1.0 that keeps": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", True),
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10**6])
@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed(name: str, size: int) -> None:
    data, keeps = WELL_FORMED[name]
    reader = read(data, size, ends=not keeps)
    assert reader.state is State.COMPLETE
    assert reader.head is not None
    assert (reader.head.status, reader.head.well_formed, reader.body) == (200, True, b"ok")
    assert reader.keeps is keeps


LONG_VALUE = b"X-A: " + b"a" * MAX_HEAD + b"\r\n"

# The status of each is 200, and decides; the rest is not believed.
FAULTY: dict[str, bytes] = {
    "length twice, equal": OK + b"Content-Length: 2\r\n" + TWO,
    "length twice, other": OK + b"Content-Length: 3\r\n" + TWO,
    "length '2, 2'": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "length empty": OK + b"Content-Length: \r\n\r\nok",
    "length -1": OK + b"Content-Length: -1\r\n\r\nok",
    "length +2": OK + b"Content-Length: +2\r\n\r\nok",
    "length 0x2": OK + b"Content-Length: 0x2\r\n\r\nok",
    "length of letters": OK + b"Content-Length: two\r\n\r\nok",
    "length of 30 digits": OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nok",
    "length and chunks": OK + b"Transfer-Encoding: chunked\r\n" + TWO,
    "chunks and length": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "identity": OK + b"Transfer-Encoding: identity\r\n\r\nok",
    "identity and length": OK + b"Transfer-Encoding: identity\r\n" + TWO,
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked, identity": OK + b"Transfer-Encoding: chunked, identity\r\n\r\nok",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked and a vertical tab": OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks of HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "an odd header name": OK + b"X(A): 1\r\n" + TWO,
    "a header name in UTF-8": OK + "é: 1\r\n".encode() + TWO,
    "an empty header name": OK + b": 1\r\n" + TWO,
    "a space before the colon": OK + b"X-A : 1\r\n" + TWO,
    "a space before the colon of the length": OK + b"Content-Length : 2\r\n\r\nok",
    "a space in front of a header": OK + b" X-A: 1\r\n" + TWO,
    "no colon": OK + b"nonsense\r\n" + TWO,
    "html": OK + b"<html>\r\n" + TWO,
    "a folded header": OK + b"X-A: 1\r\n more\r\n" + TWO,
    "a NUL in a value": OK + b"X-A: a\0b\r\n" + TWO,
    "a control character in a value": OK + b"X-A: a\x01b\r\n" + TWO,
    "a carriage return in a value": OK + b"X-A: a\rb\r\n" + TWO,
    "two carriage returns": OK + b"X-A: a\r\r\n" + TWO,
    "a control character in the reason": b"HTTP/1.1 200 O\x07K\r\n" + TWO,
    "more than 128 headers": OK + b"A: b\r\n" * MAX_HEADERS + TWO,
    "one header of 16 KB": OK + LONG_VALUE + TWO,
    "16 KB of headers": OK + b"A: b\r\n" * 3000 + TWO,
    "a reason of 16 KB": b"HTTP/1.1 200 " + b"x" * MAX_HEAD + b"\r\n" + TWO,
    "two spaces": b"HTTP/1.1  200 OK\r\n" + TWO,
    "a tab": b"HTTP/1.1\t200 OK\r\n" + TWO,
    "HTTP/1.9": b"HTTP/1.9 200 OK\r\n" + TWO,
    "an empty line in front": b"\r\n" + OK + TWO,
    "an interim answer without a colon": b"HTTP/1.1 103 X\r\nnonsense\r\n\r\n" + OK + TWO,
    "an interim answer with a length": b"HTTP/1.1 100 X\r\nContent-Length: 2\r\n\r\n" + OK + TWO,
    "an empty line behind an interim answer": b"HTTP/1.1 100 X\r\n\r\n\r\n" + OK + TWO,
    "a 204 with a length": b"HTTP/1.1 204 X\r\n" + TWO,
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10**6])
@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_of_the_head_leaves_the_status(name: str, size: int) -> None:
    reader = read(FAULTY[name], size)
    assert reader.head is not None
    assert (reader.head.status, reader.head.well_formed) == (204 if "204" in name else 200, False)
    assert reader.state is State.BROKEN
    assert not reader.keeps
    assert not reader.fault


NO_ANSWERS: dict[str, bytes] = {
    "HTTP/2": b"HTTP/2 200 OK\r\n" + TWO,
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + TWO,
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n" + TWO,
    "HTTP/1": b"HTTP/1 200 OK\r\n" + TWO,
    "HTTP/1.10": b"HTTP/1.10 200 OK\r\n" + TWO,
    "HTTP/1.x": b"HTTP/1.x 200 OK\r\n" + TWO,
    "http/1.1": b"http/1.1 200 OK\r\n" + TWO,
    "ICY": b"ICY 200 OK\r\n" + TWO,
    "a space in front": b" HTTP/1.1 200 OK\r\n" + TWO,
    "no status": b"HTTP/1.1\r\n" + TWO,
    "no space": b"HTTP/1.1200 OK\r\n" + TWO,
    "000": b"HTTP/1.1 000 X\r\n" + TWO,
    "0": b"HTTP/1.1 0 X\r\n" + TWO,
    "099": b"HTTP/1.1 099 X\r\n" + TWO,
    "99": b"HTTP/1.1 99 X\r\n" + TWO,
    "600": b"HTTP/1.1 600 X\r\n" + TWO,
    "999": b"HTTP/1.1 999 X\r\n" + TWO,
    "2000": b"HTTP/1.1 2000 X\r\n" + TWO,
    "200OK": b"HTTP/1.1 200OK\r\n" + TWO,
    "+200": b"HTTP/1.1 +200 OK\r\n" + TWO,
    "-200": b"HTTP/1.1 -200 OK\r\n" + TWO,
    "letters": b"HTTP/1.1 abc OK\r\n" + TWO,
    "arabic digits": "HTTP/1.1 ٢٠٠ OK\r\n".encode() + TWO,
    "html": b"<html>hi</html>",
    "a request": b"POST / HTTP/1.1\r\n" + TWO,
    "TLS": b"\x15\x03\x03\x00\x02\x02\x28",
    "nulls": bytes(100),
    "empty lines": b"\r\n" * MAX_HEAD,
    "17 interim answers": b"HTTP/1.1 100 X\r\n\r\n" * (MAX_INTERIM + 1) + OK + TWO,
    "a long interim answer": b"HTTP/1.1 103 X\r\n" + LONG_VALUE + b"\r\n" + OK + TWO,
    "an interim answer with a body": b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nhello" + OK + TWO,
    "garbage behind an interim answer": b"HTTP/1.1 100 X\r\n\r\nhello",
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10**6])
@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer(name: str, size: int) -> None:
    reader = read(NO_ANSWERS[name], size)
    assert reader.state is State.BROKEN
    assert reader.head is None
    assert reader.fault


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status(status: int) -> None:
    reader = read(b"HTTP/1.1 %d X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n" % status, 10**6)
    if 100 <= status < 200 and status != 101:
        assert (reader.head, reader.state) == (None, State.OPEN)
    else:
        assert reader.head is not None
        assert (reader.head.status, reader.head.retry_after) == (status, ("7",))
        assert reader.keeps is (status != 101)


@pytest.mark.parametrize("name", ["no colon", "length twice, equal", "more than 128 headers"])
def test_of_a_faulty_head_retry_after_is_read(name: str) -> None:
    data = FAULTY[name].replace(OK, b"HTTP/1.1 503 X\r\nRetry-After:  7 \r\nretry-after: 9\r\n")
    reader = read(data, 10**6)
    assert reader.head is not None
    assert (reader.head.status, reader.head.retry_after) == (503, ("7", "9"))
    assert reader.body == b"ok"  # what came along


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        OK + TWO + b"x",
        OK + b"Content-Length: 0\r\n\r\n\r\n",
        (OK + TWO) * 2,
        b"HTTP/1.1 204 X\r\n\r\nok",
        CHUNKED + b"2\r\nok\r\n0\r\n\r\nx",
        CHUNKED + b"2\r\nokx\r\n0\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-2\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"2\nok\n0\n\n" + b" " * 2000,
        CHUNKED + b"111111111\r\n",
        CHUNKED + b"1;" + b"a" * 2000,
        CHUNKED + b"1;a\0\r\n",
        CHUNKED + b"1\r\nx\r\n" * 1000,
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 1000,
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 10**6])
def test_a_fault_behind_the_head_breaks_the_connection_only(data: bytes, size: int) -> None:
    reader = read(data, size)
    assert reader.head is not None
    assert reader.head.well_formed
    assert reader.state is State.BROKEN
    assert not reader.keeps


PARTS = st.lists(
    st.sampled_from(
        [
            *(data for data, _ in WELL_FORMED.values()),
            *(data for data in FAULTY.values() if len(data) < 300),
            *(data for data in NO_ANSWERS.values() if len(data) < 300),
            *(
                b"\r\n",
                b"\n",
                b"\r",
                b":",
                b" ",
                b"\0",
                b"HTTP/1.1 ",
                b"100 ",
                b"200",
                b"chunked",
                b"0",
                b"2\r\nok\r\n",
            ),
            *(b"Content-Length: ", b"Transfer-Encoding: ", b"Connection: close", b"HTTP/1.1 100 X\r\n\r\n"),
        ]
    )
    | st.binary(max_size=20),
    max_size=6,
)


@given(PARTS, st.lists(st.integers(1, 40), min_size=1, max_size=20), st.booleans())
def test_however_it_is_split_it_is_the_same_answer(parts: list[bytes], sizes: list[int], ends: bool) -> None:
    data = b"".join(parts)
    whole, split = AnswerReader(MOST), AnswerReader(MOST)
    whole.feed(data)
    start = turn = 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        split.feed(data[start : start + size])
        start, turn = start + size, turn + 1
    if ends:
        whole.end()
        split.end()
    assert (split.head, split.state, split.fault, split.heads) == (whole.head, whole.state, whole.fault, whole.heads)
    if whole.head is not None and whole.head.well_formed:
        assert split.body == whole.body
