"""What the C library keeps of freed memory: little, however many threads there are."""

from __future__ import annotations

import asyncio
import ctypes
import sys
from typing import Any

#: mallopt's name for the size from which on a block is a mapping of its own, and the size: glibc's default
_M_MMAP_THRESHOLD, _THRESHOLD = -3, 131_072
#: mallopt's name for the number of heaps, and the number: glibc's default is eight per core
_M_ARENA_MAX, _HEAPS = -8, 2
#: how often freed memory is given back, in seconds
INTERVAL = 60.0


def keep_heap_small() -> bool:
    """Have glibc give back large blocks, and share few heaps among all threads; False where there is no glibc.

    It raises its threshold to the size of what is freed, up to 32 MB: from then on such blocks come from the heaps.
    Each of librdkafka's threads, dozens, gets a heap of its own if it can, and each heap keeps what it once had.
    """
    mallopt = _function("mallopt")
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)) and bool(mallopt(_M_ARENA_MAX, _HEAPS))


def give_back() -> bool:
    """Have glibc give back the pages that are free between blocks in use; True if there were any.

    By itself it gives back only what lies at the end of its first heap. It takes milliseconds.
    """
    trim = _function("malloc_trim")
    return trim is not None and bool(trim(0))


class GivingBack:
    """Gives freed memory back every minute: a worker does not keep what its worst moment took."""

    async def run(self) -> None:
        """Do so for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await asyncio.to_thread(give_back)


def _function(name: str) -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
