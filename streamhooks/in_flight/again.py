"""Runs that fail with an internal error: they are retried, and finally given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from streamhooks.errors import ProducerDead
from streamhooks.in_flight.backoff import pause_after
from streamhooks.in_flight.cancelling import is_being_cancelled
from streamhooks.masking import shown
from streamhooks.metrics import REPEATED_RUNS

log = logging.getLogger(__name__)

#: give a run up after this many failures during which other runs succeeded
FAILURES = 10
#: the reason of its dead letter
INTERNAL_ERROR = "internal error"

Do = Callable[[], Awaitable[None]]


class Owner(Protocol):
    """The ticket or pending call that a run belongs to."""

    @property
    def is_void(self) -> bool:
        """Tell whether its partition has gone to another worker."""


@dataclass(slots=True)
class _Failing:
    failures: int = 0
    counted: int = 0
    """The failures that count: another run had succeeded since the one before."""
    others: int = -1
    """Number of successful runs at the time of the last failure."""


class Again:
    """Retry failed runs after 1 to 60 s. One per worker.

    A failure counts only if another run succeeded since the previous failure. If everything fails, nothing is given up.
    """

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}
        self._succeeded = 0
        self._running: set[asyncio.Task[None]] = set()

    def start(self, key: str, owner: Owner, do: Do, give_up: Do) -> None:
        """Run `insist` in a task of its own, which a rebalance does not cancel."""
        task = asyncio.get_running_loop().create_task(self.insist(key, owner, do, give_up))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def insist(
        self, key: str, owner: Owner | None, do: Do, give_up: Do, after: BaseException | None = None
    ) -> None:
        """Run `do` until it succeeds or its owner is void; when it has failed for good, run `give_up` instead.

        `after` is the error of a first run that has already ended.
        """
        error = after
        while owner is None or not owner.is_void:
            if error is not None:
                pause = self.pause(key, error)
                if pause is None:
                    do = give_up
                else:
                    await asyncio.sleep(pause)
            error = await self.attempt(key, do())
            if error is None:
                return
        self.forget(key)

    async def attempt(self, key: str, run: Awaitable[None]) -> BaseException | None:
        """Await a run, and return its error, if any.

        Return None if the producer is dead: the worker ends, and the next owner repeats the run.
        """
        try:
            await run
        except ProducerDead:
            return None
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            return error
        except Exception as error:  # whatever it is
            return error
        self.succeeded(key)
        return None

    def succeeded(self, key: str) -> None:
        """Note that a run has succeeded."""
        self._succeeded += 1
        self._failing.pop(key, None)

    def forget(self, key: str) -> None:
        """Forget the failures of a run that is done or belongs to another worker."""
        self._failing.pop(key, None)

    def pause(self, key: str, error: BaseException) -> float | None:
        """Log the error with its traceback; return the seconds until the next try, or None to give up."""
        REPEATED_RUNS.inc()
        failing = self._failing.setdefault(key, _Failing())
        failing.failures += 1
        failing.counted += self._succeeded != failing.others
        failing.others = self._succeeded
        is_given_up = failing.counted >= FAILURES
        if is_given_up:
            del self._failing[key]
        text = "given up" if is_given_up else "will be tried again"
        log.error("a run failed with an internal error, %s: id=%s", text, shown(key), exc_info=error)
        return None if is_given_up else pause_after(failing.failures)


async def nothing() -> None:
    """Give up a run that nothing waits for."""
