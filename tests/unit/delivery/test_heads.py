"""The fields of a head as they are shown, whoever wrote it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.delivery.heads import MAX_HEAD, MAX_HEADERS, fields_of


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\na:  c\t\r\n\r\n", (("A", "b"), ("a", "c"))),
        (b"HTTP/1.1 200 OK\nA: b\nC:\n\n", (("A", "b"), ("C", ""))),
        (b"HTTP/1.1 200 OK\r\n\r\n", ()),
        (b"HTTP/1.1 200 OK", ()),
        ("HTTP/1.1 200 OK\r\nA: é\r\n\r\n".encode(), (("A", "é"),)),
        (b"HTTP/1.1 200 OK\r\nA: \xe9\x1b\r\n\r\n", (("A", "\ufffd\x1b"),)),
        # What is no field is shown all the same, and so is one that was cut off.
        (b"HTTP/1.1 200 OK\r\nno field\r\n: x\r\nA: b\r\n folded\r\nC: cut", (
            ("no field", ""), ("", "x"), ("A", "b folded"), ("C", "cut"),
        )),
        (b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", (("folded", "x"),)),
    ],
)  # fmt: skip
def test_the_fields_of_a_head_are_told_in_their_order(head: bytes, fields: tuple[tuple[str, str], ...]) -> None:
    assert fields_of(head) == fields


@given(st.binary(max_size=500) | st.text("aA: \t\r\n", max_size=500).map(str.encode))
def test_any_head_can_be_told(head: bytes) -> None:
    for name, value in fields_of(head):
        assert not {"\r", "\n"} & {*name, *value}


@pytest.mark.parametrize("line", [b"a: b\n", b":\n", b"\n x\n", b"x\n", b" x\n"])
def test_they_are_bounded(line: bytes) -> None:
    found = fields_of((b"HTTP/1.1 200 OK\n" + line * MAX_HEAD)[:MAX_HEAD])
    assert len(found) <= MAX_HEADERS
    assert sum(len(name) + len(value) for name, value in found) <= MAX_HEAD
