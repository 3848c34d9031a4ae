"""Kill a process when the process that started it dies, even by SIGKILL.

A guard is a tiny Python process that waits for the end of its standard input. Only the starter holds the write end, so
the system closes it whenever the starter dies. (Linux's PR_SET_PDEATHSIG does not work here: it fires when the starting
*thread* ends.)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_DISMISSED = b"dismissed"
_GRACE = 5.0
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
    command = [sys.executable, "-I", "-S", __file__, str(pid), *([str(folder)] if folder else [])]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def dismiss(guarding: subprocess.Popen[bytes]) -> None:
    """End a guard without killing its process. Calling it twice is fine."""
    if guarding.poll() is None:
        guarding.communicate(_DISMISSED)


def _main(pid: int, folder: str | None) -> None:
    # A Ctrl-C or a SIGTERM to all processes must not end the guard before the guarded process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.stdin.buffer.read() == _DISMISSED:
        return
    deadline = time.monotonic() + _GRACE
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:  # in a container without an init, dead processes remain as zombies
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
