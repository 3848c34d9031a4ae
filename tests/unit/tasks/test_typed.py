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

HABITS = """
from datetime import timedelta
from streamhooks import instrumented_task

@instrumented_task("typed.v", time_limit=timedelta(minutes=1), retry_schedule=[timedelta(seconds=1), 60])
def v() -> None: ...

@instrumented_task("typed.w", retry_backoff=timedelta(seconds=1), retry_backoff_max=timedelta(hours=1))
def w() -> None: ...

instrumented_task("typed.x", acks_late=True)
v.apply_async(queue="high")
v.retry()
v.delay().get()
"""


def errors(tmp_path: Path, code: str) -> list[tuple[str, str]]:
    """Return the errors of a type checker: each with its place and its text."""
    (tmp_path / "typed.py").write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "typed.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    parts = [line.partition(": error: ") for line in done.stdout.splitlines() if ": error: " in line]
    return [(place, text) for place, _, text in parts]


def test_wrong_arguments_are_found(tmp_path: Path) -> None:
    lines = errors(tmp_path, CODE)
    assert [place for place, _ in lines] == ["typed.py:11", "typed.py:12"], lines
    assert 'Missing positional argument "order"' in lines[0][1]
    assert 'expected "int"' in lines[1][1]


def test_habits_from_celery_are_found(tmp_path: Path) -> None:
    lines = errors(tmp_path, HABITS)
    assert [place for place, _ in lines] == ["typed.py:11", "typed.py:12", "typed.py:13", "typed.py:14"], lines
    assert 'has no attribute "retry"' in lines[2][1]
    assert 'has no attribute "get"' in lines[3][1]
