"""Blocking functions run in threads of their own: they block neither the event loop nor the end of the process.

A thread pool would block both. When all of its few threads are taken, every other part of the worker that needs one
waits as well. At its end, Python waits for what runs in a pool, however long that takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any


def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
    """Call the function in a daemon thread, with the context of the caller; return the future of its result.

    If the future is cancelled, the function goes on, and its result is lost.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(function, *args, **kwargs)
        except BaseException as raised:  # of any kind: the caller judges it
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(end, result, error)

    def end(result: Any, error: BaseException | None) -> None:
        if ended.done():
            return
        if error is None:
            ended.set_result(result)
        elif isinstance(error, StopIteration):
            # A future does not accept it.
            ended.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
        else:
            ended.set_exception(error)

    threading.Thread(target=work, name=f"task-{getattr(function, '__name__', '')}", daemon=True).start()
    return ended
