"""How much memory a value takes when it is decoded."""

from __future__ import annotations

from typing import Final

#: what has more bytes is large: it counts by its weight while it runs, and a call waits without its arguments, which
#: are read when it is due
LARGE: Final = 16_384
#: what a value inside of JSON takes in Python, about, and what an object takes besides: 900 KB of `{}` are 20 MB
_INSIDE, _OBJECT = 64, 128


def weight(value: bytes | None) -> int:
    """Return about how many bytes a value takes when it is decoded; of one that is not large its own bytes."""
    if value is None:
        return 0
    if len(value) <= LARGE:
        return len(value)
    objects = value.count(b"{")
    return len(value) + _INSIDE * (value.count(b",") + value.count(b"[") + objects) + _OBJECT * objects
