"""What is wrong with a definition is said where it is written: by `@instrumented_task` and `@retry`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from streamhooks.tasks.arguments import signature_of
from streamhooks.tasks.when import Seconds, seconds_of

#: names of our own tasks begin with this
OURS = "streamhooks."
#: characters of a name
LONGEST_NAME = 200
#: what a method is given by its object: the first parameter of nothing else
_OF_METHODS = ("self", "cls")


class WrongDefinition(TypeError):
    """A task can't be defined so; the text says where it is and what to write."""


def check_task(name: object, function: object, delay: Seconds, retries: object) -> None:
    """Raise WrongDefinition, ValueError or TypeError if a function can't become a task of this name."""
    if not isinstance(name, str):
        if callable(name):
            raise WrongDefinition(f'write @instrumented_task(name="…"), with parentheses{at(name)}')
        raise WrongDefinition(f"@instrumented_task: the name must be a text, not {type(name).__name__}{at(function)}")
    if not name:
        raise ValueError(f"@instrumented_task: the name must not be empty{at(function)}")
    if len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip():
        text = f"must be at most {LONGEST_NAME} printable characters, without spaces at its ends"
        raise ValueError(f"@instrumented_task: the name {text}: {name!r:.40}{at(function)}")
    if hasattr(function, "apply_async"):
        raise WrongDefinition(f"@instrumented_task(name={name!r}): this is a task already{at(function)}")
    if not callable(function) or isinstance(function, type | staticmethod) or not hasattr(function, "__qualname__"):
        raise WrongDefinition(f"@instrumented_task(name={name!r}): a task is made of a function{at(function)}")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise WrongDefinition(
            f"the function of the task {name!r} is a generator: it has a `yield`, which no task may have{at(function)}"
        )
    if (first := _first_parameter(function)) in _OF_METHODS:
        text = f"nobody passes `{first}`: current_call() tells of the call, and a task is made of a plain function"
        raise WrongDefinition(f"@instrumented_task(name={name!r}): {text}{at(function)}")
    if name.startswith(OURS) and not _is_ours(function):
        raise ValueError(f"@instrumented_task: names that begin with {OURS} are its own tasks': {name!r}{at(function)}")
    if seconds_of(delay, f"default_retry_delay of {name}") < 0:
        raise ValueError(f"@instrumented_task(name={name!r}): default_retry_delay is below 0{at(function)}")
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise WrongDefinition(f"@instrumented_task(name={name!r}): max_retries must be a whole number{at(function)}")


def check_limits(name: str, time_limit: Seconds | None, max_running: int | None) -> float | None:
    """Return the time limit of a task in seconds.

    Raise ValueError unless the limits are above 0, and TypeError unless they are numbers.
    """
    if isinstance(time_limit, timedelta):
        time_limit = time_limit.total_seconds()
    for what, value, kinds in (("time_limit", time_limit, (int, float)), ("max_running", max_running, (int,))):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, kinds):
            number = "a whole number" if kinds == (int,) else "a number"
            raise TypeError(f"{what} of the task {name!r} must be {number}, not {type(value).__name__}")
        if not 0 < value < math.inf:
            raise ValueError(f"{what} of the task {name!r} must be above 0")
    return time_limit


def check_same(name: str, known: Any, function: Any) -> None:
    """Raise ValueError if a task of this name was made of another function; a module may be imported again."""
    if known.__qualname__ != function.__qualname__ or not _share_a_module(known, function):
        raise ValueError(f"there are two tasks named {name!r}:{at(known)} and{at(function)}")


def check_retry(function: object) -> None:
    """Raise WrongDefinition if `@retry` was not applied to a function."""
    if hasattr(function, "apply_async"):
        raise WrongDefinition(f"@retry goes below @instrumented_task, directly above the function{at(function)}")
    if isinstance(function, type) and issubclass(function, BaseException):
        raise WrongDefinition(f"write @retry(on=({function.__name__},))")
    if not callable(function) or isinstance(function, type):
        raise WrongDefinition("@retry is for a function; exceptions are named: @retry(on=(ConnectionError,))")


def exceptions_of(given: Any, name: str) -> tuple[type[BaseException], ...]:
    """Return the exceptions that an argument of `@retry` lists, which may be one.

    Raises WrongDefinition if there is something else.
    """
    found = tuple(given) if isinstance(given, tuple | list | set | frozenset) else (given,)
    for one in found:
        if not isinstance(one, type) or not issubclass(one, BaseException):
            raise WrongDefinition(
                f"@retry({name}=…): must be exceptions, such as ({name}=(ConnectionError,)), not {one!r:.60}"
            )
    return found


def at(function: object) -> str:
    """Return ` (file:line)` of a function or a task; nothing if that is not known."""
    inner = inspect.unwrap(getattr(function, "function", function))  # type: ignore[arg-type]
    code = getattr(inner, "__code__", None)
    return "" if code is None else f" ({code.co_filename}:{code.co_firstlineno})"


def _first_parameter(function: Callable[..., Any]) -> str | None:
    signature = signature_of(function)
    return None if signature is None else next(iter(signature.parameters), None)


def _is_ours(function: object) -> bool:
    module = str(getattr(function, "__module__", ""))
    return module.startswith(OURS)


def _share_a_module(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    # A program that is started, and imported by another module as well, is two modules from one file.
    return one.__module__ == other.__module__ or _file(one) == _file(other) is not None


def _file(function: Callable[..., Any]) -> str | None:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else str(code.co_filename)
