from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: The pause after the first look, and after the later ones, in seconds: who waits for long does not look as often.
SHORTEST, LONGEST = 0.02, 0.2


def eventually(look: Callable[[], T], timeout: float = 60.0, interval: float | None = None) -> T:
    """Return the first truthy value of `look()`, asked again and again; one that raises counts as not yet.

    timeout, interval -- seconds. Raises AssertionError with the last value, or error, when the time is up.
    """
    deadline = time.monotonic() + timeout
    pause = SHORTEST if interval is None else interval
    while True:
        failure: Exception | None = None
        value: T | None = None
        try:
            value = look()
        except Exception as error:
            failure = error
        if failure is None and value:
            return value
        if time.monotonic() > deadline:
            last = f"it raised {failure!r}" if failure else f"the last value was {value!r}"
            raise AssertionError(f"not within {timeout} s; {last}") from failure
        time.sleep(pause)
        if interval is None:
            pause = min(pause * 1.2, LONGEST)
