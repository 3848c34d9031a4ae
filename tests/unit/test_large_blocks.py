from __future__ import annotations

import subprocess
import sys

import pytest

# Blocks of 1 MB: one by one they are freed, but for a small one behind each that holds the heap open.
_PROGRAM = """
from pathlib import Path
from streamhooks.large_blocks import give_back_large_blocks
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
    assert left("assert give_back_large_blocks()") < 10_000_000
