"""The signals that ask a worker to end, from its first import on.

The event loop's own handlers would not do. They work only while the loop runs, and closing the loop removes them, so
that a second signal kills a process that is about to end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from streamhooks.faust_patches.ending import end_now

_NAMES = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP")


def _ending() -> list[signal.Signals]:
    found = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
    # Under nohup, the process must outlive its terminal.
    return [one for one in found if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN]


def handle(asked: Callable[[signal.Signals], None]) -> None:
    """Call `asked` for each signal that means an end, in the main thread, at any point of its execution."""
    if threading.current_thread() is threading.main_thread():
        for one in _ending():
            signal.signal(one, lambda number, _frame: asked(signal.Signals(number)))


def ignore() -> None:
    """Ignore these signals: the process is ending, with an exit code of its own."""
    if threading.current_thread() is threading.main_thread():
        for one in _ending():
            signal.signal(one, signal.SIG_IGN)


def end_at_once(_asked: Any = None) -> None:
    """End the process with code 0, as long as nothing has started that must end in order.

    Not by SystemExit, which the module being imported may catch.
    """
    end_now(0)
