"""POSTs without a task and without a future: written on a kept connection, and told to a callback.

Those of one turn of the loop are written together at its end. A write that wakes a receiver on this machine takes twice
as long, and the first of several wakes it for all. Whatever needs waiting is left to `HookClient.post`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from streamhooks.delivery.answers import Came
from streamhooks.delivery.connections import HookConnector
from streamhooks.delivery.deadlines import Deadlines
from streamhooks.delivery.exchanges import HookProtocol, StaleConnectionError
from streamhooks.delivery.results import Answer, answered, elapsed_ms, failed, timed_out
from streamhooks.delivery.targets import Request, Target
from streamhooks.times import steady

#: so many are written without waiting for the end of the turn
TOGETHER = 32


class Soon:
    """What these POSTs have in common. `max_read` is the most of a body that is kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connector: HookConnector, max_read: int) -> None:
        self.loop = loop
        self.connector = connector
        self.max_read = max_read
        self.deadlines = Deadlines(loop, steady)
        self._begun: list[Exchange] = []

    def write(self, exchange: Exchange) -> None:
        """Write the request of an exchange in this turn of the loop."""
        self._begun.append(exchange)
        if len(self._begun) == 1:
            self.loop.call_soon(self._write_all)
        elif len(self._begun) >= TOGETHER:
            self._write_all()

    def _write_all(self) -> None:
        begun, self._begun = self._begun, []
        for exchange in begun:
            exchange.write()


class Exchange(Struct, eq=False):
    """A POST whose answer is not known yet: it was written, or waits in turn for a connection."""

    _common: Soon
    _target: Target
    _request: Request
    _timeout: float
    _ended: Callable[[Answer], None] | None
    _protocol: HookProtocol | None = None
    _resending: asyncio.Task[None] | None = None
    _is_waiting: bool = False
    _started: float = 0.0
    _tick: int = 0

    def waits(self) -> bool:
        """Wait in turn for a connection; False if the request may open one at once."""
        patience = self._common.connector.wait_in_turn(self._target.request, self)
        self._is_waiting = patience > 0
        if self._is_waiting:
            self._tick = self._common.deadlines.add(self, steady() + patience)
        return self._is_waiting

    def done(self) -> bool:
        """Tell whether it does not wait for a connection, or no more."""
        return not self._is_waiting

    def set_result(self, protocol: HookProtocol | None) -> None:
        """Go on with this connection, or open one."""
        self._is_waiting = False
        self._common.deadlines.discard(self, self._tick)
        self.begin(protocol)

    def begin(self, protocol: HookProtocol | None) -> None:
        """Let the request be written, on a new connection if it is None."""
        common = self._common
        self._started = steady()
        self._tick = common.deadlines.add(self, self._started + self._timeout)
        if protocol is None:
            self._resending = common.loop.create_task(self._send_anew())
            return
        self._protocol = protocol
        common.write(self)

    def write(self) -> None:
        """Write the request, unless it has ended meanwhile; on another connection if this one may not be used."""
        common, protocol = self._common, self._protocol
        if protocol is None:
            return
        if not protocol.is_usable():
            protocol.drop()
            protocol = self._protocol = common.connector.kept(self._target.request)
            if protocol is None:
                self._resending = common.loop.create_task(self._send_anew())
                return
        try:
            protocol.send(self._target.request.origin, self._request, common.max_read, self._over)
        except Exception as failure:  # it is told; the others of this turn are written
            common.loop.call_soon(self._over, None, failure)

    def abandon(self) -> None:
        """Close the connection, and tell nobody. It may have ended: then this does nothing."""
        if self._ended is not None:
            self._stop()

    def expire(self) -> None:
        """Close the connection, and tell that the answer did not come in time; or wait for none any longer."""
        if self._is_waiting:
            self.set_result(None)
            return
        ended = self._ended
        # A wait that has just ended may still be told that it expires.
        if ended is not None and steady() >= self._started + self._timeout:
            self._stop()
            ended(timed_out(self._timeout, elapsed_ms(self._started), self._request[0]))

    def _stop(self) -> None:
        self._ended, self._is_waiting = None, False
        self._common.deadlines.discard(self, self._tick)
        if self._resending is not None:
            self._resending.cancel()
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.let_go()
            self._common.connector.give_back(self._target.request, protocol)

    def _over(self, came: Came | None, failure: BaseException | None) -> None:
        ended = self._ended
        if ended is None:
            return
        common, protocol, self._protocol = self._common, self._protocol, None
        if protocol is not None:
            common.connector.give_back(self._target.request, protocol)
        if isinstance(failure, StaleConnectionError):
            self._resending = common.loop.create_task(self._send_anew())
            return
        self._ended = None
        common.deadlines.discard(self, self._tick)
        took, head = round((steady() - self._started) * 1000), self._request[0]
        if came is not None:
            ended(answered(came, took, head))
        elif failure is not None:
            ended(failed(failure, took, head))

    async def _send_anew(self) -> None:
        """Send it on a new connection, perhaps once more, as `HookClient.post` does."""
        common = self._common
        try:
            came = await common.connector.exchange(self._target.request, self._request, common.max_read)
        except Exception as failure:  # whatever happens, it is told
            self._over(None, failure)
        else:
            self._over(came, None)
