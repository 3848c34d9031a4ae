"""Limits the freed memory that the C library keeps, however many threads there are."""

from __future__ import annotations

import asyncio
import ctypes
import sys
from typing import Any

#: mallopt's parameter for the size from which on a block is a separate mapping, and the size: glibc's default
_M_MMAP_THRESHOLD, _THRESHOLD = -3, 131_072
#: mallopt's parameter for the number of heaps, and the number: glibc's default is eight per core
_M_ARENA_MAX, _HEAPS = -8, 2
#: interval of returning freed memory, in seconds
INTERVAL = 60.0


def keep_heap_small() -> bool:
    """Have glibc return large blocks, and share few heaps among all threads; return False without a glibc.

    By default glibc raises its threshold to the size of freed blocks, up to 32 MB. Then such blocks are in the heaps.
    It also gives each of the dozens of threads of librdkafka its own heap, and a heap never shrinks.
    """
    mallopt = _function("mallopt")
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)) and bool(mallopt(_M_ARENA_MAX, _HEAPS))


def give_back() -> bool:
    """Have glibc return the free pages between blocks in use; return True if there were any.

    By itself, glibc returns only the end of its first heap. This takes milliseconds.
    """
    trim = _function("malloc_trim")
    return trim is not None and bool(trim(0))


class GivingBack:
    """Returns freed memory every minute, so that a worker does not stay as large as in its worst moment."""

    async def run(self) -> None:
        """Return freed memory, forever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await asyncio.to_thread(give_back)


def _function(name: str) -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
