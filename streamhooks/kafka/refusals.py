"""Records that the broker refuses for now: retried after a second at first, once a minute in the end.

A refused record closes its place (a topic and the requested partition). One of the records waiting there tries again,
and as soon as the broker accepts one, all continue. A record that is refused while others are accepted waits alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from streamhooks.errors import WriteRefused
from streamhooks.in_flight.backoff import pause_after
from streamhooks.masking import shown
from streamhooks.metrics import REFUSED_WRITES
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: how long nothing more is logged about a topic that refuses records, in seconds
QUIET = 10.0

Place = tuple[str, int]
"""A topic and a partition; -1 if the key determines it."""


@dataclass(slots=True)
class _Closed:
    """A place with refused records that are not written yet."""

    since: float
    reason: str
    is_open: bool = True
    tries: int = 0
    refused: int = 0
    """The number of these records."""
    taken: int = 0
    """The number of records accepted since."""
    waiting: dict[asyncio.Future[None], None] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None


class Refusals:
    """Decides which record may try again, and when. For one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = steady) -> None:
        self._loop = loop
        self._clock = clock
        self._places: dict[Place, _Closed] = {}
        self._logged: dict[str, float] = {}
        self._open_ended: set[str] = set()  # topics whose recovery is to be logged

    def __contains__(self, place: Place) -> bool:
        """Tell whether records wait there, or may have to."""
        return place in self._places

    async def turn(self, place: Place) -> None:
        """Wait until a record may be written there."""
        closed = self._places.get(place)
        if closed is None or closed.is_open:
            return
        waiter = self._loop.create_future()
        closed.waiting[waiter] = None
        try:
            await waiter
        finally:
            del closed.waiting[waiter]
            self.forget_if_over(place, closed)

    def taken(self, place: Place) -> None:
        """Let all waiting records continue: the broker has accepted one there."""
        closed = self._places.get(place)
        if closed is not None:
            closed.taken += 1
            closed.tries = 0
            self._open(closed)
            self.forget_if_over(place, closed)

    def note(self, place: Place, error: WriteRefused) -> _Closed:
        """Note a refusal, and close its place unless it is closed."""
        REFUSED_WRITES.labels(place[0]).inc()
        closed = self._places.get(place)
        if closed is None:
            self._log(place[0], error)
            closed = self._places[place] = _Closed(self._clock(), str(error))
        closed.reason = str(error)
        if closed.is_open:
            closed.is_open = False
            self._let_try_later(place, closed)
        return closed

    def _let_try_later(self, place: Place, closed: _Closed) -> None:
        closed.tries += 1
        closed.timer = self._loop.call_later(pause_after(closed.tries), self._let_try, place, closed)

    def _let_try(self, place: Place, closed: _Closed) -> None:
        waiter = next((waiter for waiter in closed.waiting if not waiter.done()), None)
        if waiter is None:
            self._open(closed)
            self.forget_if_over(place, closed)
        else:
            waiter.set_result(None)
            # Its outcome may arrive late or never. Then the next record takes its turn.
            self._let_try_later(place, closed)

    @staticmethod
    def _open(closed: _Closed) -> None:
        closed.is_open = True
        if closed.timer is not None:
            closed.timer.cancel()
        for waiter in closed.waiting:
            if not waiter.done():
                waiter.set_result(None)

    def forget_if_over(self, place: Place, closed: _Closed) -> None:
        """Forget a place where no record waits any more."""
        if closed.refused or closed.waiting or self._places.get(place) is not closed:
            return
        self._open(closed)
        del self._places[place]
        if not self._is_closed(place[0]) and place[0] in self._open_ended:
            self._open_ended.discard(place[0])
            log.warning("the broker accepts records on %s again, after %.0f s", place[0], self._clock() - closed.since)

    def _log(self, topic: str, error: WriteRefused) -> None:
        now = self._clock()
        if not self._is_closed(topic) and now - self._logged.get(topic, now - QUIET) >= QUIET:
            self._logged[topic] = now
            self._open_ended.add(topic)
            log.critical("the broker refuses records on %s, will be tried again: %s", topic, shown(error))

    def _is_closed(self, topic: str) -> bool:
        return any(topic == other for other, _ in self._places)

    # --- asking

    @property
    def troubles(self) -> list[str]:
        """Return why the broker refuses our records now, one line per topic."""
        reasons = {topic: closed.reason for (topic, _), closed in self._places.items()}
        return [f"the broker refuses records on {topic}: {reason}" for topic, reason in sorted(reasons.items())]

    def age(self) -> float:
        """Return the longest time that records have been waiting, in seconds."""
        return max((self._clock() - closed.since for closed in self._places.values()), default=0.0)


class Refused:
    """One refused record: a context that lasts until it is written or given up."""

    def __init__(self, refusals: Refusals, place: Place) -> None:
        self._refusals = refusals
        self._place = place
        self._closed: _Closed | None = None
        self._taken = 0
        self._alone = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._closed is not None:
            self._closed.refused -= 1
            self._refusals.forget_if_over(self._place, self._closed)

    async def wait(self, error: WriteRefused) -> None:
        """Wait until the record may be tried again."""
        closed = self._refusals.note(self._place, error)
        if self._closed is None:
            self._closed = closed
            closed.refused += 1
        elif closed.taken > self._taken:
            self._alone += 1
        self._taken = closed.taken
        if self._alone:
            await asyncio.sleep(pause_after(self._alone))
        await self._refusals.turn(self._place)
