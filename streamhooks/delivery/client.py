"""The HTTP client of the deliveries: one POST, one response, whatever the endpoint does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.answers import Came
from streamhooks.delivery.certificates import verifying
from streamhooks.delivery.connections import HookConnector
from streamhooks.delivery.distrust import DistrustedOrigins
from streamhooks.delivery.exchanges import HookProtocol, StaleConnectionError
from streamhooks.delivery.results import (
    EXCERPT_CHARACTERS,
    FAILURES,
    Answer,
    Kind,
    answered,
    elapsed_ms,
    failed,
    timed_out,
)
from streamhooks.delivery.soon import Exchange, Soon
from streamhooks.delivery.targets import Request, Target, target_of, written
from streamhooks.errors import BadUrl
from streamhooks.times import steady

__all__ = ["EXCERPT_CHARACTERS", "MAX_READ", "Answer", "Exchange", "HookClient", "Kind"]

MAX_READ = 16 * 1024
DNS_SECONDS = 30
#: connections of an organization to an origin, beyond which a POST waits for one
PER_HOST = 100


class HookClient:
    """Posts to many hosts over kept connections. Create it inside a running loop; end it with `close()`.

    `limit` is the maximum number of connections: keep the deliveries in flight below it, since waiting for a connection
    then counts towards a delivery's timeout. If `per_host` connections of an organization to an origin are open, a POST
    first waits for one of them: at most 1 s, which does not count. `ssl_context` may have other certificate
    authorities; by default they are the system's. It is changed so that certificates need a SAN. `clock` gives seconds;
    it measures how long an origin gets no kept connections. Proxies, netrc and cookies are not used; redirects are not
    followed.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        limit: int,
        per_host: int = PER_HOST,
        user_agent: str,
        max_read: int = MAX_READ,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = steady,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_read = max_read
        ssl_context = verifying(ssl_context)
        distrusted = DistrustedOrigins(clock)
        self._connector = HookConnector(
            policy, distrusted, limit=limit, per_host=per_host, ttl_dns_cache=DNS_SECONDS, ssl=ssl_context
        )
        self._soon = Soon(self._loop, self._connector, max_read)
        fixed = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._target: Callable[[str, str], Target] = lru_cache(maxsize=16_384)(
            lambda url, organization: target_of(
                policy.parsed_url(url), url, organization, loop=self._loop, ssl_context=ssl_context, headers=fixed
            )
        )

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout: float, organization: str = ""
    ) -> Answer:
        """POST the body and return the response, at the latest after `timeout` seconds.

        The timeout covers everything but the wait for one of the `per_host` connections: name resolution, connection,
        TLS, and the part of the response's body that is kept. Connections are only reused for requests of the same
        organization. Raises only `asyncio.CancelledError`.
        """
        started = steady()
        request: Request = (b"",)
        try:
            target = self._target(url, organization)
            request = written(target, headers, body)
            kept = await self._connector.place(target.request)
            started = steady()
            async with asyncio.timeout(timeout):
                came = await self._answer(target, request, kept)
        except TimeoutError:
            return timed_out(timeout, elapsed_ms(started), request[0])
        except FAILURES as failure:
            return failed(failure, elapsed_ms(started), request[0])
        return answered(came, elapsed_ms(started), request[0])

    def post_soon(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,
        organization: str,
        ended: Callable[[Answer], None],
    ) -> Exchange | None:
        """POST the body without a task or a future, if a kept connection is idle or to be waited for in turn.

        Else do nothing, and return None. The timeout covers the same as for `post`. An idle connection is written on at
        the end of this turn of the loop at the latest.

        `ended` is told once what `post` would return, in a later turn of the loop, unless the exchange is abandoned.
        It must not raise.
        """
        try:
            target = self._target(url, organization)
            request = written(target, headers, body)
        except (BadUrl, ValueError):
            return None
        exchange = Exchange(self._soon, target, request, timeout, ended)
        protocol = self._connector.idle(target.request)
        if protocol is not None:
            exchange.begin(protocol)
            return exchange
        return exchange if exchange.waits() else None

    async def _answer(self, target: Target, request: Request, kept: HookProtocol | None = None) -> Came:
        try:
            return await self._connector.exchange(target.request, request, self._max_read, kept)
        except StaleConnectionError:
            # The endpoint closed the kept connection. Nobody can know whether it has handled the POST. So the POST is
            # sent once more, with the same webhook-id, within the same attempt.
            return await self._connector.exchange(target.request, request, self._max_read)

    async def close(self) -> None:
        """Close all connections; deliveries in flight fail."""
        await self._connector.close()
