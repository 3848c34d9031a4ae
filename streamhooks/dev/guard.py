"""Kill a process when the process that started it dies, even by SIGKILL.

A guard is a tiny Python process that waits for the end of its standard input. Only the starter holds the write end, so
the system closes it whenever the starter dies. (Linux's PR_SET_PDEATHSIG does not work here: it fires when the starting
*thread* ends.)
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from streamhooks.dev import guarding as program
from streamhooks.dev.guarding import DISMISSED

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start_guarded(
    command: Sequence[str], remove: Path | None = None, **options: Any
) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Start a process (`options` as of Popen) and its guard without interruption; return both.

    A Ctrl-C between the two would leave a process that nobody knows of.
    """
    with _undisturbed():
        process = subprocess.Popen(command, **options)
        return process, guard(process.pid, remove)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Postpone signals that ask this process to end until the block has ended."""
    if threading.current_thread() is not threading.main_thread():  # signals only interrupt the main thread
        yield
        return
    asked: list[int] = []
    previous = {number: signal.getsignal(number) for number in _ENDING}
    handlers = {number: handler for number, handler in previous.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, _frame: asked.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if asked:
            signal.raise_signal(asked[0])


def guard(pid: int, folder: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a guard that kills `pid` once this process is gone, and then removes `folder` if given."""
    return subprocess.Popen(guard_command(pid, folder), stdin=subprocess.PIPE, start_new_session=True)


def guard_command(pid: int, folder: Path | None = None) -> list[str]:
    """Return the command that `guard` starts."""
    return [sys.executable, "-I", "-S", program.__file__, str(pid), *([str(folder)] if folder else [])]


def dismiss(guarding: subprocess.Popen[bytes]) -> None:
    """End a guard without killing its process. Calling it twice is fine."""
    if guarding.poll() is None:
        guarding.communicate(DISMISSED)
