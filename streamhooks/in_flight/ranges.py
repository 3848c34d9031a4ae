"""Ranges of offsets: disjoint and ascending, and encoded as a short text."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping

Ranges = tuple[tuple[int, int], ...]
"""Ascending ranges [start, end) that neither overlap nor touch."""


def joined(ends: Mapping[int, int]) -> Ranges:
    """Join ranges that touch; `ends` maps the start of each range to its end, and none may overlap."""
    found = []
    first = end = None
    for start in sorted(ends):
        if start != end:
            if first is not None and end is not None:
                found.append((first, end))
            first = start
        end = ends[start]
    if first is not None and end is not None:
        found.append((first, end))
    return tuple(found)


def within(ranges: Iterable[tuple[int, int]], first: int, end: int) -> Ranges:
    """Return the parts of the ranges that are in [first, end)."""
    return tuple((max(start, first), min(to, end)) for start, to in ranges if start < end and to > first)


def to_text(base: int, ranges: Ranges, room: int) -> str:
    """Encode ranges at or above `base` in at most `room` characters; ranges that do not fit are left out from the top.

    The code alternates the lengths of gaps and ranges, as Elias gamma codes in base64: a length of 1 takes one bit, 2
    and 3 take three, 4 to 7 take five. Lengths are small where there are many, so a bitmap of the offsets is hardly
    ever shorter, and a code of whole bytes never is.
    """
    left = room // 4 * 3 * 8
    codes = []
    at = base - 1  # so that the first length is never 0
    for start, end in ranges:
        code = _gamma(start - at) + _gamma(end - start)
        left -= len(code)
        if left < 0:
            break
        codes.append(code)
        at = end
    bits = "".join(codes)
    size = -(-len(bits) // 8)
    packed = int(bits.ljust(8 * size, "0") or "0", 2).to_bytes(size, "big")
    return binascii.b2a_base64(packed, newline=False).decode()


def from_text(base: int, text: str) -> Ranges:
    """Decode what `to_text` wrote.

    Raises:
        ValueError: the text was not written by it.

    """
    packed = binascii.a2b_base64(text, strict_mode=True)
    bits = f"{int.from_bytes(packed, 'big'):0{8 * len(packed)}b}" if packed else ""
    lengths = []
    at = 0
    while (one := bits.find("1", at)) >= 0:
        at = 2 * one - at + 1
        if at > len(bits):
            raise ValueError("a length is cut off")
        lengths.append(int(bits[one:at], 2))
    if len(lengths) % 2:
        raise ValueError("the last length is missing")
    ranges, end = [], base - 1
    for gap, length in zip(lengths[::2], lengths[1::2], strict=True):
        start = end + gap
        end = start + length
        ranges.append((start, end))
    return tuple(ranges)


def _gamma(number: int) -> str:
    return f"{number:0{2 * number.bit_length() - 1}b}"
