from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from support import eventually
from support.processes import ended

from streamhooks.kafka.child_process import ChildProcess

_PARENT = """
import asyncio, os, time
from streamhooks.kafka.child_process import ChildProcess

async def main():
    print(await ChildProcess().run(os.getpid), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_it_runs_in_a_child_process_and_raises_here() -> None:
    apart = ChildProcess()
    try:
        process = await apart.run(os.getpid)
        assert process != os.getpid()
        assert await apart.run(os.getpid) == process
        with pytest.raises(ValueError, match="invalid literal"):
            await apart.run(int, "x")
    finally:
        apart.close()
    await asyncio.to_thread(eventually, lambda: ended(process))


async def test_one_that_was_killed_is_replaced() -> None:
    apart = ChildProcess()
    try:
        process = await apart.run(os.getpid)
        with pytest.raises(TimeoutError):
            await apart.run(os.kill, process, signal.SIGKILL)
        assert await apart.run(os.getpid) != process
    finally:
        apart.close()


def test_it_ends_when_its_parent_is_killed(tmp_path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(_PARENT)
    parent = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout
        process = int(parent.stdout.readline())
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: ended(process))
