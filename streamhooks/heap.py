"""What the C library keeps of freed memory: little, however many threads there are."""

from __future__ import annotations

import ctypes
import sys

#: mallopt's name for the size from which on a block is a mapping of its own, and the size: glibc's default
_M_MMAP_THRESHOLD, _THRESHOLD = -3, 131_072
#: mallopt's name for the number of heaps, and the number: glibc's default is eight per core
_M_ARENA_MAX, _HEAPS = -8, 2


def keep_heap_small() -> bool:
    """Have glibc give back large blocks, and share few heaps among all threads; False where there is no glibc.

    It raises its threshold to the size of what is freed, up to 32 MB: from then on such blocks come from the heaps.
    Each of librdkafka's threads, dozens, gets a heap of its own if it can, and each heap keeps what it once had.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)) and bool(mallopt(_M_ARENA_MAX, _HEAPS))
