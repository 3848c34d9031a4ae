"""What a team runs around the runs of its tasks: for its own traces, logs and reports of errors.

Why one list per process: docs/decisions/0015-process-wide-registry.md.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from streamhooks.masking import shown
from streamhooks.tasks.context import Running, RunningCall, running_call
from streamhooks.tasks.lanes import task_lane

log = logging.getLogger(__name__)

Middleware = Callable[[RunningCall], Iterator[None]]
M = TypeVar("M", bound=Middleware)

#: what was registered, the outermost first
registered: list[Middleware] = []


def middleware(function: M) -> M:
    """Run a generator function around each run of a task of users; it yields once.

    What is before its `yield` runs before the task, what is after it when the task has returned. If the run fails, the
    `yield` raises the error of the task. It changes nothing about the run, even if it fails itself or keeps the error.

    Raises:
        TypeError: it is not a generator function.

    """
    is_generator: bool = inspect.isgeneratorfunction(function)
    if not is_generator:
        raise TypeError("@middleware: needs a plain function with one yield: before it, after it, and what it raises")
    registered[:] = [*(one for one in registered if not _replaces(function, one)), function]
    return function


def _replaces(function: Middleware, known: Middleware) -> bool:
    """Tell whether a module that is imported again has registered the known one; those of a factory share a name."""
    return function is known or ("<locals>" not in _name(known) and _name(function) == _name(known))


@contextmanager
def around(run: Running) -> Iterator[None]:
    """Run what is registered around a run, if it is one of a user's task."""
    if not registered or not task_lane(run.call.task).is_of_users:
        yield
        return
    call = running_call(run)
    begun = [found for one in registered if (found := _begin(one, call)) is not None]
    try:
        yield
    except BaseException as error:
        _end(begun, call, error)
        raise
    _end(begun, call, None)


_Begun = tuple[Middleware, Generator[None, None, None]]


def _begin(one: Middleware, call: RunningCall) -> _Begun | None:
    try:
        found = one(call)
        assert isinstance(found, Generator)
        next(found)
    except StopIteration:
        _tell(one, call, "it ended before its yield")
    except BaseException as error:  # of any kind: it is the user's
        _tell(one, call, error)
    else:
        return one, found
    return None


def _end(begun: Sequence[_Begun], call: RunningCall, error: BaseException | None) -> None:
    trace = error.__traceback__ if error is not None else None
    for one, found in reversed(begun):
        try:
            if error is None:
                next(found)
            else:
                found.throw(error)
        except StopIteration:
            pass
        except BaseException as raised:
            # A generator can't let a StopIteration through: Python makes it the cause of another error.
            if raised is not error and (error is None or raised.__cause__ is not error):
                _tell(one, call, raised)
        else:
            _tell(one, call, "it has more than one yield")
            found.close()
        finally:
            if error is not None:
                error.__traceback__ = trace  # without our frames


def _tell(one: Middleware, call: RunningCall, problem: BaseException | str) -> None:
    error = problem if isinstance(problem, BaseException) else None
    text = "a middleware failed, the run goes on without it: %s task=%s reason=%s"
    log.error(text, _name(one), shown(call.task), shown(problem), exc_info=error)


def _name(function: Middleware) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', '')}"
