"""The connections to endpoints, per organization and origin: those that are idle, and how many are open.

An idle connection is used again for as long as its origin keeps it (`keeping.py`). The oldest of an origin stays open
for longer, without being used: it shows how long that is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Protocol

from streamhooks.delivery.exchanges import HookProtocol
from streamhooks.delivery.keeping import LEAST, MOST, Keeping, as_said

#: how long a request waits for a connection to become free before it opens another one, in seconds
PATIENCE = 1.0
#: After so many connections were opened within so many seconds, a request waits for a busy one of its own key, for a
#: shorter time. Opening one takes the loop some 0.2 ms, as long as two deliveries.
CROWD = 50
CROWD_SECONDS = 0.1
CROWD_PATIENCE = 0.1
#: how often connections that were idle for too long are closed, in seconds
_SWEEP_SECONDS = 1.0


class Waiter(Protocol):
    """Who waits for a connection: a future, or what does the same."""

    def done(self) -> bool:
        """Tell whether it waits no more."""

    def set_result(self, protocol: HookProtocol | None, /) -> None:
        """Take a connection, or None to open one."""


class _Place:
    """The connections of one key: how many are open, the idle ones from the oldest, and those who wait for one."""

    __slots__ = ("idle", "open", "waiters")

    def __init__(self) -> None:
        self.open = 0
        self.idle: list[HookProtocol] = []
        self.waiters: deque[Waiter] = deque()


class Pool:
    """Knows the connections. `clock` gives seconds.

    If `per_key` connections of a key are open, a request waits for one. `most` is the maximum number of open
    connections in all: beyond it, idle ones are closed.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, keeping: Keeping, clock: Callable[[], float], per_key: int, most: int
    ) -> None:
        self._loop = loop
        self._keeping = keeping
        self._clock = clock
        self._per_key = per_key
        self._most = most
        self._open = 0
        self._opened_since = clock()
        self._opened = 0
        self._places: dict[Hashable, _Place] = {}
        # From the one that is idle for longest, with its key and since when.
        self._idle: OrderedDict[HookProtocol, tuple[Hashable, float]] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None
        self.is_closed = False

    def opens(self, key: Hashable) -> None:
        """Count a connection that is about to be opened."""
        if self._open >= self._most and self._idle:
            self._close(next(iter(self._idle)))
        self._open += 1
        self._place(key).open += 1
        if (now := self._clock()) - self._opened_since > CROWD_SECONDS:
            self._opened_since, self._opened = now, 0
        self._opened += 1

    def closed(self, key: Hashable) -> None:
        """Count a connection that was closed, or could not be opened."""
        self._open -= 1
        place = self._place(key)
        place.open -= 1
        if not _hand(place, None) and not place.open:
            self._places.pop(key, None)

    def take(self, key: Hashable) -> HookProtocol | None:
        """Return the idle connection that was used last, or None. It may have ended."""
        place = self._places.get(key)
        if place is None or not place.idle:
            return None
        protocol = place.idle[-1]
        idle = self._clock() - self._idle[protocol][1]
        # Each origin keeps them for so long, unless it says otherwise.
        if (idle > LEAST or protocol.keep_seconds is not None) and idle > self._seconds(protocol):
            return None
        place.idle.pop()
        del self._idle[protocol]
        return protocol

    def give(self, key: Hashable, protocol: HookProtocol) -> None:
        """Hand a connection to who waits for it first; else it is idle."""
        place = self._places.get(key) or self._place(key)
        if place.waiters and _hand(place, protocol):
            return
        place.idle.append(protocol)
        self._idle[protocol] = key, self._clock()
        if self._sweep is None:
            self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._close_old)

    def patience(self, key: Hashable) -> float:
        """Return how long to wait for a busy connection, in seconds; 0 if one may be opened at once.

        Connections that are idle, but were not taken, are idle for too long or of a distrusted origin.
        """
        place = self._places.get(key)
        if place is None:
            return 0.0
        if place.open >= self._per_key:
            return 0.0 if place.idle else PATIENCE
        return CROWD_PATIENCE if place.open > len(place.idle) and self._is_crowded() else 0.0

    def queue(self, key: Hashable, waiter: Waiter) -> None:
        """Let one wait for its turn, as `wait` does; it has to give up by itself."""
        self._place(key).waiters.append(waiter)

    async def wait(self, key: Hashable) -> HookProtocol | None:
        """Return a connection that has become free, or None to open one.

        It waits for as long as `patience` says, in the order of the calls: what waits here holds up others, too.
        """
        place = self._places.get(key)
        if place is not None and place.idle and place.open >= self._per_key:
            self._close(place.idle[0])
            return None
        if not (patience := self.patience(key)):
            return None
        waiter: asyncio.Future[HookProtocol | None] = self._loop.create_future()
        self.queue(key, waiter)
        timer = self._loop.call_later(patience, _resolve, waiter, None)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._pass_on(key, waiter.result())
            raise
        finally:
            timer.cancel()

    def lost(self, protocol: HookProtocol) -> None:
        """Forget a connection that has ended while it was idle."""
        if protocol in self._idle:
            _, since = self._idle[protocol]
            if protocol.origin is not None:
                self._keeping.saw_end(protocol.origin, self._clock() - since)
            self._close(protocol)

    def close(self) -> None:
        """Close all idle ones, and let nobody wait."""
        self.is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for protocol in list(self._idle):
            protocol.abort()
            self._close(protocol)
        for place in self._places.values():
            while _hand(place, None):
                pass

    def _is_crowded(self) -> bool:
        return self._opened >= CROWD and self._clock() - self._opened_since <= CROWD_SECONDS

    def _place(self, key: Hashable) -> _Place:
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place()
        return place

    def _pass_on(self, key: Hashable, protocol: HookProtocol | None) -> None:
        if protocol is not None:
            self.give(key, protocol)
        elif (place := self._places.get(key)) is not None:
            _hand(place, None)

    def _seconds(self, protocol: HookProtocol) -> float:
        said, origin = protocol.keep_seconds, protocol.origin
        if said is not None or origin is None:
            return as_said(said or 0)
        return self._keeping.seconds(origin)

    def _close_old(self) -> None:
        now = self._clock()
        for protocol, (key, since) in list(self._idle.items()):
            idle = now - since
            if idle <= self._seconds(protocol):
                continue
            shows = protocol.keep_seconds is None and protocol is self._places[key].idle[0]
            if shows and protocol.origin is not None:
                self._keeping.saw_open(protocol.origin, idle)
            if not shows or idle > MOST:
                self._close(protocol)
        self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._close_old) if self._idle else None

    def _close(self, protocol: HookProtocol) -> None:
        key, _ = self._idle.pop(protocol)
        self._places[key].idle.remove(protocol)
        protocol.retire()


def _resolve(waiter: asyncio.Future[HookProtocol | None], protocol: HookProtocol | None) -> None:
    if not waiter.done():
        waiter.set_result(protocol)


def _hand(place: _Place, protocol: HookProtocol | None) -> bool:
    """Give this to the first one that waits, or a place if it is None; return False if nobody waits."""
    while place.waiters:
        waiter = place.waiters.popleft()
        if not waiter.done():
            waiter.set_result(protocol)
            return True
    return False
