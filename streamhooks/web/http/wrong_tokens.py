"""Answer wrong tokens slowly, so that guessing is slow. Valid tokens are never delayed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address, ip_network

from streamhooks.errors import Busy
from streamhooks.times import steady

#: wrong tokens from one address within `WINDOW` seconds that are answered at once
FREE = 10
WINDOW = 60.0
#: delay of further answers, in seconds
DELAY = 1.0
#: answers delayed at once; each holds a connection
DELAYED_AT_ONCE = 50
#: addresses to remember, the most recent ones
REMEMBERED = 1000


class WrongTokens:
    """Counts wrong tokens by the caller's address. `clock` returns seconds."""

    def __init__(
        self, clock: Callable[[], float] = steady, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._delayed = 0

    async def slow_down(self, address: str) -> None:
        """Count a wrong token; return when it may be answered.

        Raise Busy if too many answers are delayed already.
        """
        if self._counted(_network(address)) <= FREE:
            return
        if self._delayed >= DELAYED_AT_ONCE:
            raise Busy("wrong_tokens", "too many wrong tokens")
        self._delayed += 1
        try:
            await self._sleep(DELAY)
        finally:
            self._delayed -= 1

    def _counted(self, network: str) -> int:
        """Count a wrong token of a network; return its number in this window."""
        now = self._clock()
        since, count = self._counts.pop(network, (now, 0))
        if now - since >= WINDOW:
            since, count = now, 0
        self._counts[network] = (since, count + 1)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return count + 1


def _network(address: str) -> str:
    """Return the address; for IPv6 its /64, because a single caller has at least that."""
    try:
        known = ip_address(address)
    except ValueError:
        return ""
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(ip_network((int(known), 64), strict=False))
    return address
