from __future__ import annotations

import subprocess
import sys

# `usleep` of a PyDLL waits with the interpreter's lock, as some calls of librdkafka do.
_PROGRAM = """
import asyncio, ctypes, sys, threading
from streamhooks.worker import watchdog
watchdog.LONGEST, watchdog.INTERVAL = 0.5, 0.1

async def main():
    running = asyncio.create_task(watchdog.Watchdog().run())
    await asyncio.sleep(1.5)  # longer than it may stand still
    print("it runs", flush=True)
    if sys.argv[1] == "stops":
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    libc = ctypes.PyDLL(None)
    for _ in range(3):
        libc.usleep(900_000)
    print("it went on", flush=True)

asyncio.run(main())
"""


def ended(how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_loop_that_stands_still_ends_the_process() -> None:
    end = ended("stands still")
    assert (end.returncode, end.stdout) == (1, "it runs\n")
    assert "Timeout (0:00:00.500000)!" in end.stderr
    assert "in main" in end.stderr


def test_whoever_ends_it_is_not_watched_any_more() -> None:
    end = ended("stops")
    assert (end.returncode, end.stdout) == (0, "it runs\nit went on\n")
