"""Shift Python's `time.time` and `time.time_ns` by the seconds in the file that CHAOS_CLOCK names.

Python imports this by itself, before anything else. What C code reads, such as Kafka's client, is not shifted.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path


def _shift(path: Path) -> None:
    real, real_ns, of = time.time, time.time_ns, struct.Struct("d").unpack_from
    with path.open("rb") as file:
        seconds = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    time.time = lambda: real() + of(seconds)[0]
    time.time_ns = lambda: real_ns() + int(of(seconds)[0] * 1e9)


if "CHAOS_CLOCK" in os.environ:
    _shift(Path(os.environ["CHAOS_CLOCK"]))
