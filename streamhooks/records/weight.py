"""The memory that a value takes when it is decoded."""

from __future__ import annotations

from typing import Final

#: a value with more bytes is large: it counts by its weight while it runs, and a large call waits without its
#: arguments, which are read when it is due
LARGE: Final = 16_384
#: approximate bytes in Python of each value inside JSON, and the extra bytes of an object: 900 KB of `{}` take 20 MB
_INSIDE, _OBJECT = 64, 128


def weight(value: bytes | None) -> int:
    """Return about how many bytes a value takes when it is decoded; if it is not large, its own number of bytes."""
    if value is None:
        return 0
    if len(value) <= LARGE:
        return len(value)
    objects = value.count(b"{")
    return len(value) + _INSIDE * (value.count(b",") + value.count(b"[") + objects) + _OBJECT * objects
