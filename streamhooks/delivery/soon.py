"""POSTs without a task and without a future: written on a kept connection, and told to a callback.

Whatever needs waiting is left to `HookClient.post`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from streamhooks.delivery.answers import Came
from streamhooks.delivery.connections import HookConnector
from streamhooks.delivery.deadlines import Deadlines
from streamhooks.delivery.exchanges import HookProtocol, StaleConnectionError
from streamhooks.delivery.results import FAILURES, Answer, answered, elapsed_ms, failed, timed_out
from streamhooks.delivery.targets import Request, Target, written
from streamhooks.times import steady


class Soon:
    """What these POSTs have in common. `max_read` is the most of a body that is kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connector: HookConnector, max_read: int) -> None:
        self.loop = loop
        self.connector = connector
        self.max_read = max_read
        self.deadlines = Deadlines(loop, steady)

    def post(
        self, target: Target, headers: Mapping[str, str], body: bytes, timeout: float, ended: Callable[[Answer], None]
    ) -> Exchange | None:
        """Write a request now, or return None: see `HookClient.post_soon`."""
        try:
            request = written(target, headers, body)
        except ValueError:
            return None
        protocol = self.connector.kept(target.request)
        if protocol is None:
            return None
        exchange = Exchange(self, target, request, timeout, ended)
        exchange.begin(protocol)
        return exchange


class Exchange:
    """A POST that was written, and whose answer is not known yet."""

    __slots__ = ("_common", "_ended", "_protocol", "_request", "_resending", "_started", "_target", "_tick", "_timeout")

    def __init__(
        self, common: Soon, target: Target, request: Request, timeout: float, ended: Callable[[Answer], None]
    ) -> None:
        self._common = common
        self._target = target
        self._request = request
        self._timeout = timeout
        self._ended: Callable[[Answer], None] | None = ended
        self._protocol: HookProtocol | None = None
        self._resending: asyncio.Task[None] | None = None
        self._started = steady()
        self._tick = common.deadlines.add(self, self._started + timeout)

    def begin(self, protocol: HookProtocol) -> None:
        """Write the request."""
        self._protocol = protocol
        try:
            protocol.send(self._target.request.origin, self._request, self._common.max_read, self._over)
        except FAILURES as failure:
            self._common.loop.call_soon(self._over, None, failure)

    def abandon(self) -> None:
        """Close the connection, and tell nobody. It may have ended: then this does nothing."""
        if self._ended is not None:
            self._stop()

    def expire(self) -> None:
        """Close the connection, and tell that the answer did not come in time."""
        ended = self._ended
        if ended is not None:
            self._stop()
            ended(timed_out(self._timeout, elapsed_ms(self._started), self._request[0]))

    def _stop(self) -> None:
        self._ended = None
        self._common.deadlines.discard(self, self._tick)
        if self._resending is not None:
            self._resending.cancel()
        self._give_back()

    def _give_back(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.let_go()
            self._common.connector.give_back(self._target.request, protocol)

    def _over(self, came: Came | None, failure: BaseException | None) -> None:
        ended = self._ended
        if ended is None:
            return
        self._give_back()
        if isinstance(failure, StaleConnectionError):
            self._resending = self._common.loop.create_task(self._resend())
            return
        self._ended = None
        self._common.deadlines.discard(self, self._tick)
        took, head = elapsed_ms(self._started), self._request[0]
        if came is not None:
            ended(answered(came, took, head))
        elif failure is not None:
            ended(failed(failure, took, head))

    async def _resend(self) -> None:
        """Send it once more, as `HookClient.post` does."""
        common = self._common
        try:
            came = await common.connector.exchange(self._target.request, self._request, common.max_read)
        except Exception as failure:  # whatever happens, it is told
            self._over(None, failure)
        else:
            self._over(came, None)
