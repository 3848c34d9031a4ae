"""The signals that ask a worker to end: from its first import on, and once it runs.

The loop's own handlers would not do. They are heard only while the loop turns, and not before it was made; and a loop
that is closed takes them away, so that a second signal kills a process that is about to end.
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
    # Who started us under nohup wants us to outlive the terminal.
    return [one for one in found if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN]


def handle(asked: Callable[[signal.Signals], None]) -> None:
    """Have `asked` called, in the main thread and between any two steps of it, for each signal that means an end."""
    if threading.current_thread() is threading.main_thread():
        for one in _ending():
            signal.signal(one, lambda number, _frame: asked(signal.Signals(number)))


def ignore() -> None:
    """Be deaf to them: the end has come, and says by its own code how it was."""
    if threading.current_thread() is threading.main_thread():
        for one in _ending():
            signal.signal(one, signal.SIG_IGN)


def end_at_once(_asked: Any = None) -> None:
    """End with code 0 while nothing has started that would have to end in order.

    Not by SystemExit: whatever is imported at the moment may catch it.
    """
    end_now(0)
