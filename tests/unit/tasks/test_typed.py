"""A type checker knows the arguments of a task's calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
from datetime import timedelta
from streamhooks import Task, instrumented_task, retry

@instrumented_task(name="typed.t", default_retry_delay=timedelta(minutes=1))
@retry(on=(OSError,))
async def t(order: str, *, cents: int = 0) -> None: ...

t.delay("o", cents=1)
t.apply_async(["o"], countdown=timedelta(1))
t.delay()
t.delay("o", cents="1")
"""


def test_wrong_arguments_are_found(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(CODE)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "typed.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = [line.partition(": error: ")[::2] for line in done.stdout.splitlines() if ": error: " in line]
    assert [place for place, _ in lines] == ["typed.py:11", "typed.py:12"], done.stdout
    assert 'Missing positional argument "order"' in lines[0][1]
    assert 'expected "int"' in lines[1][1]
