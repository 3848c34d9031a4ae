"""A worker that does not react leaves its stacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support import eventually

from chaos.stacks import ENVIRONMENT, end_with_stacks

_DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def stands_still():
    print("up", flush=True)
    time.sleep(60)
stands_still()
"""


def test_the_stacks_of_a_process_that_does_not_react_are_kept(tmp_path: Path):
    log = tmp_path / "log"
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-c", _DEAF], env=os.environ | ENVIRONMENT, stdout=lines, stderr=lines
        )
    try:
        eventually(lambda: log.read_text() == "up\n")
        found = end_with_stacks(process.pid, log, lambda: process.poll() is None)
        assert "in stands_still" in found
        assert process.wait(10) != 0
    finally:
        process.kill()
        process.wait()
