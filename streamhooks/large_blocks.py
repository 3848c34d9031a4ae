"""Large blocks of memory go back to the system when they are freed."""

from __future__ import annotations

import ctypes
import sys

#: mallopt's name for the size from which on a block is a mapping of its own, and the size: glibc's default
_M_MMAP_THRESHOLD, _THRESHOLD = -3, 131_072


def give_back_large_blocks() -> bool:
    """Have glibc keep its threshold; False where there is no glibc.

    It raises it to the size of what is freed, up to 32 MB: from then on such blocks come from the heaps of the threads,
    dozens with librdkafka's, and each keeps what it once had.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, _THRESHOLD))
