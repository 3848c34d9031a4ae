"""Wrong tokens are answered slowly, so that trying them is slow; right ones are never held up."""

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
#: how much later the others are answered, in seconds
DELAY = 1.0
#: answers that are held back at once; each holds a connection
HELD_BACK = 50
#: addresses that are remembered, the latest
REMEMBERED = 1000


class WrongTokens:
    """Counts wrong tokens by the address that they come from. `clock` gives seconds."""

    def __init__(
        self, clock: Callable[[], float] = steady, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._held_back = 0

    async def slow_down(self, address: str) -> None:
        """Note a wrong token; return when it may be answered.

        Raises:
            Busy: too many such answers are held back at this moment.

        """
        if self._noted(_network(address)) <= FREE:
            return
        if self._held_back >= HELD_BACK:
            raise Busy("wrong_tokens", "too many wrong tokens")
        self._held_back += 1
        try:
            await self._sleep(DELAY)
        finally:
            self._held_back -= 1

    def _noted(self, network: str) -> int:
        """Count one more of a network; return how many came in this window."""
        now = self._clock()
        since, count = self._counts.pop(network, (now, 0))
        if now - since >= WINDOW:
            since, count = now, 0
        self._counts[network] = (since, count + 1)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return count + 1


def _network(address: str) -> str:
    """The address; of IPv6 its /64, which is what one caller has at least."""
    try:
        known = ip_address(address)
    except ValueError:
        return ""
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(ip_network((int(known), 64), strict=False))
    return address
