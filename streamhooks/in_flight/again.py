"""Runs that end in an error of streamhooks itself: they are run again, and given up in the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from streamhooks.errors import ProducerDead
from streamhooks.in_flight.backoff import pause_after
from streamhooks.in_flight.cancelling import is_let_go
from streamhooks.masking import shown
from streamhooks.metrics import REPEATED_RUNS

log = logging.getLogger(__name__)

#: after how many such failures, while others succeed, something is given up
FAILURES = 10
#: the reason of its dead letter
INTERNAL_ERROR = "internal error"

Do = Callable[[], Awaitable[None]]


class Owner(Protocol):
    """What a run belongs to."""

    @property
    def is_void(self) -> bool:
        """It is somebody else's now."""


@dataclass(slots=True)
class _Failing:
    failures: int = 0
    counted: int = 0
    """Those between which others succeeded."""
    others: int = -1
    """How many had succeeded by the last one."""


class Again:
    """Runs what failed again after 1 to 60 s. One for the worker.

    A failure counts if anything else succeeded since the one before: what fails together with all else has to wait.
    """

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}
        self._succeeded = 0
        self._running: set[asyncio.Task[None]] = set()

    def start(self, key: str, owner: Owner, do: Do, give_up: Do) -> None:
        """Do something that no partition's move cancels, as `insist` does."""
        task = asyncio.get_running_loop().create_task(self.insist(key, owner, do, give_up))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def insist(
        self, key: str, owner: Owner | None, do: Do, give_up: Do, after: BaseException | None = None
    ) -> None:
        """Do something until it succeeds, or its owner is void; `give_up` in its place when it has failed for good.

        `after` is the error in which it ended already.
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
        """Run something; return the error of ours in which it ended.

        Of a producer that is dead nothing is returned: the worker ends, and the next owner does it again.
        """
        try:
            await run
        except ProducerDead:
            return None
        except asyncio.CancelledError as error:
            if is_let_go():
                raise
            return error
        except Exception as error:  # whatever it is
            return error
        self._succeeded += 1
        self._failing.pop(key, None)
        return None

    def forget(self, key: str) -> None:
        """Forget what failed: it is done, or somebody else's."""
        self._failing.pop(key, None)

    def pause(self, key: str, error: BaseException) -> float | None:
        """Return after how many seconds it is run again; None if it is given up. Logged with its traceback."""
        REPEATED_RUNS.inc()
        failing = self._failing.setdefault(key, _Failing())
        failing.failures += 1
        failing.counted += self._succeeded != failing.others
        failing.others = self._succeeded
        is_given_up = failing.counted >= FAILURES
        if is_given_up:
            del self._failing[key]
        text = "given up" if is_given_up else "it is run again"
        log.error("a run ended in an error of streamhooks itself, %s: id=%s", text, shown(key), exc_info=error)
        return None if is_given_up else pause_after(failing.failures)


async def nothing() -> None:
    """Give up what nothing waits for."""
