"""The idle connections to endpoints, per organization and origin."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

from streamhooks.delivery.exchanges import HookProtocol

#: how often connections that were idle for too long are closed, in seconds
_SWEEP_SECONDS = 1.0


class Pool:
    """Connections that wait for their next request.

    `idle_seconds` is how long they may wait. `clock` gives seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float], *, idle_seconds: float) -> None:
        self._loop = loop
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._by_key: dict[Hashable, list[HookProtocol]] = {}
        # From the one that waits longest, with its key and since when it waits.
        self._idle: OrderedDict[HookProtocol, tuple[Hashable, float]] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, key: Hashable) -> HookProtocol | None:
        """Return the connection of this key that was used last, or None."""
        waiting = self._by_key.get(key)
        if not waiting:
            return None
        protocol = waiting.pop()
        if not waiting:
            del self._by_key[key]
        _, since = self._idle.pop(protocol)
        if self._clock() - since <= self._idle_seconds:
            return protocol
        # The others wait for even longer.
        protocol.drop()
        for other in self._by_key.pop(key, ()):
            del self._idle[other]
            other.drop()
        return None

    def give(self, key: Hashable, protocol: HookProtocol) -> None:
        """Keep a connection for the next request of this key."""
        self._by_key.setdefault(key, []).append(protocol)
        self._idle[protocol] = key, self._clock()
        if self._sweep is None:
            self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._close_old)

    def close_one(self) -> None:
        """Close the one that waits longest, if any waits."""
        if self._idle:
            self._close(next(iter(self._idle)))

    def close(self) -> None:
        """Close all that wait."""
        if self._sweep is not None:
            self._sweep.cancel()
        for protocol in list(self._idle):
            self._close(protocol)

    def _close_old(self) -> None:
        self._sweep = None
        latest = self._clock() - self._idle_seconds
        while self._idle:
            protocol, (_, since) = next(iter(self._idle.items()))
            if since > latest and protocol.is_connected():
                self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._close_old)
                return
            self._close(protocol)

    def _close(self, protocol: HookProtocol) -> None:
        key, _ = self._idle.pop(protocol)
        waiting = self._by_key[key]
        waiting.remove(protocol)
        if not waiting:
            del self._by_key[key]
        protocol.drop()
