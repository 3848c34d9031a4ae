"""A worker's clock is shifted while its process runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaos.clocks import Clock

_TELL = """
import sys, time
from time import time as taken_at_the_start
for _ in sys.stdin:
    print(time.time(), taken_at_the_start(), time.time_ns() / 1e9, time.monotonic(), flush=True)
"""


@pytest.mark.parametrize("shift", [3600.0, -3600.0, 7200.0])
def test_a_shift_is_seen_by_a_process_that_runs_and_can_be_undone(tmp_path: Path, shift: float):
    clock = Clock(tmp_path / "worker" / "clock")
    with subprocess.Popen(
        [sys.executable, "-c", _TELL],
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def tell() -> list[float]:
            """Return how far each clock of the process is from ours."""
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            *wall, monotonic = map(float, process.stdout.readline().split())
            return [*(one - time.time() for one in wall), monotonic - time.monotonic()]

        for seconds in (0.0, shift, 0.0):
            clock.shift(seconds)
            assert tell() == pytest.approx([seconds] * 3 + [0.0], abs=60)
