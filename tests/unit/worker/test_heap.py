from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from streamhooks.worker import heap

# Blocks of 1 MB: one by one they are freed, but for a small one behind each that holds the heap open.
_PROGRAM = """
from pathlib import Path
from streamhooks.worker.heap import keep_heap_small
{first}
def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
bytes(30_000_000)
blocks, kept = [], []
before = memory()
for _ in range(100):
    blocks.append(b"x" * 1_000_000)
    kept.append(b"y" * 5_000)
blocks.clear()
print(memory() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc")
def test_what_large_blocks_took_goes_back_to_the_system() -> None:
    def left(first: str) -> int:
        program = [sys.executable, "-c", _PROGRAM.format(first=first)]
        return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)

    if left("") < 50_000_000:
        pytest.skip("it is so with this C library anyway")
    assert left("assert keep_heap_small()") < 10_000_000


# Blocks too small for a mapping of their own.
_BETWEEN = """
from pathlib import Path
from streamhooks.worker.heap import give_back
def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
before = memory()
blocks, kept = [], []
for _ in range(1000):
    blocks.append(b"x" * 60_000)
    kept.append(bytearray(1_000))
blocks.clear()
print(memory() - before)
print(give_back())
print(memory() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc")
def test_what_is_free_between_blocks_in_use_is_given_back() -> None:
    program = [sys.executable, "-c", _BETWEEN]
    before, is_given_back, after = subprocess.run(program, check=True, capture_output=True, text=True).stdout.split()
    if int(before) < 50_000_000:
        pytest.skip("it is so with this C library anyway")
    assert is_given_back == "True"
    assert int(after) < 15_000_000


async def test_it_is_given_back_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    third = asyncio.Event()
    loop = asyncio.get_running_loop()

    def given() -> None:
        calls.append(1)
        if len(calls) == 3:
            loop.call_soon_threadsafe(third.set)

    monkeypatch.setattr(heap, "INTERVAL", 0.001)
    monkeypatch.setattr(heap, "give_back", given)
    running = asyncio.create_task(heap.GivingBack().run())
    await asyncio.wait_for(third.wait(), 10)
    running.cancel()


# malloc_info writes an element per heap.
_HEAPS = """
import ctypes, sys, threading
from streamhooks.worker.heap import keep_heap_small
{first}
barrier = threading.Barrier(20)
def work():
    libc.malloc(60_000)
    barrier.wait()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
threads = [threading.Thread(target=work) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc")
def test_threads_share_few_heaps(tmp_path: Path) -> None:
    def heaps(first: str) -> int:
        told = tmp_path / "info.xml"
        subprocess.run([sys.executable, "-c", _HEAPS.format(first=first), str(told)], check=True)
        return len(re.findall("<heap nr=", told.read_text()))

    if heaps("") < 8:
        pytest.skip("it is so with this C library anyway")
    assert heaps("assert keep_heap_small()") <= 2
