"""The end of a worker whose stop hangs."""

from __future__ import annotations

import subprocess
import sys

HANGING = """
import os, sys, time
from streamhooks.faust_patches.ending import end_within
if sys.argv[1] == "full":
    os.set_blocking(2, False)
    try:
        while True:
            os.write(2, b"x" * 1024)
    except BlockingIOError:
        os.set_blocking(2, True)
end_within(0.1, lambda: 3)
time.sleep(600)
"""


def started(stderr: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HANGING, stderr], stderr=subprocess.PIPE)


def test_it_ends_with_the_code_and_says_so() -> None:
    process = started("read")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert b"took longer than 0.1 s" in said


def test_it_ends_although_nobody_reads_what_it_says() -> None:
    process = started("full")
    assert process.wait(60) == 3
    process.communicate()
