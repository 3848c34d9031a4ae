"""The HTTP client of the deliveries: one POST, one response, whatever the endpoint does."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

import aiohttp

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.answers import AnswerReader
from streamhooks.delivery.certificates import verifying
from streamhooks.delivery.connections import DeniedAddressError, HookConnector
from streamhooks.delivery.distrust import DistrustedOrigins
from streamhooks.delivery.exchanges import GarbageError, StaleConnectionError
from streamhooks.delivery.heads import Fields
from streamhooks.delivery.targets import Request, Target, target_of, written
from streamhooks.errors import BadUrl
from streamhooks.times import steady

Kind = Literal["answered", "timeout", "connection", "dns", "tls", "garbage", "denied"]

EXCERPT_CHARACTERS = 1024
MAX_READ = 16 * 1024
DNS_SECONDS = 30
# Just below the 5 s after which Node, uvicorn and others close an idle connection. Reusing one while it is being
# closed gives a reset, and nobody can know whether the POST was handled.
IDLE_SECONDS = 4

_ERROR_CHARACTERS = 200


class Answer(NamedTuple):
    """The response: a status (`kind` is "answered") or an error, never both.

    `retry_after_values` are the `Retry-After` headers in their order. `excerpt` is the first 1,024 characters of the
    body (UTF-8, with replacements). A head that is not `well_formed` may not come from the endpoint itself. `written`
    begins with the head of the request, `head` is that of the response; each is empty if there is none. `headers` are
    those of `head` that may be shown, if somebody waits to see them.
    """

    status: int | None
    error: str | None
    kind: Kind
    retry_after_values: tuple[str, ...]
    excerpt: str
    duration_ms: int
    well_formed: bool = True
    written: bytes = b""
    head: bytes = b""
    headers: Fields = ()


class HookClient:
    """Posts to many hosts over kept connections. Create it inside a running loop; end it with `close()`.

    `limit` is the maximum number of connections: keep the deliveries in flight below it, since waiting for a connection
    counts towards a delivery's timeout. `ssl_context` may have other certificate authorities; by default they are the
    system's. It is changed so that certificates need a SAN. `clock` gives seconds; it measures how long an origin gets
    no kept connections. Proxies, netrc and cookies are not used; redirects are not followed.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        limit: int,
        user_agent: str,
        max_read: int = MAX_READ,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = steady,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_read = max_read
        ssl_context = verifying(ssl_context)
        self._distrusted = distrusted = DistrustedOrigins(clock)
        self._connector = HookConnector(
            policy, distrusted, limit=limit, ttl_dns_cache=DNS_SECONDS, keepalive_timeout=IDLE_SECONDS, ssl=ssl_context
        )
        self._fresh = HookConnector(
            policy, distrusted, limit=limit, ttl_dns_cache=DNS_SECONDS, force_close=True, ssl=ssl_context
        )
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

        The timeout covers everything: name resolution, connection, TLS, and the part of the response's body that is
        kept. Connections are only reused for requests of the same organization. Raises only `asyncio.CancelledError`.
        """
        started = steady()
        reader: AnswerReader | None = None
        request: Request = (b"",)
        error: str | None = None
        kind: Kind = "answered"
        try:
            async with asyncio.timeout(timeout):
                target = self._target(url, organization)
                request = written(target, headers, body)
                reader = await self._answer(target, request)
        except TimeoutError:
            kind, error = "timeout", f"timeout: not done within {timeout:g} s"
        except _FAILURES as failure:
            kind, error = _told(failure)
        duration_ms = round((steady() - started) * 1000)
        if reader is None or reader.head is None:
            return Answer(None, error, kind, (), "", duration_ms, written=request[0])
        head = reader.head
        # A character has at most four bytes.
        excerpt = reader.body[: 4 * EXCERPT_CHARACTERS].decode(errors="replace")[:EXCERPT_CHARACTERS]
        return Answer(
            head.status,
            None,
            kind,
            head.retry_after,
            excerpt,
            duration_ms,
            head.well_formed,
            request[0],
            reader.head_text,
        )

    async def _answer(self, target: Target, request: Request) -> AnswerReader:
        kept = self._fresh if target.request.origin in self._distrusted else self._connector
        try:
            return await kept.exchange(target.request, request, self._max_read)
        except StaleConnectionError:
            # The endpoint closed the kept connection. Nobody can know whether it has handled the POST. So the POST is
            # sent once more, with the same webhook-id, within the same attempt.
            return await self._fresh.exchange(target.request, request, self._max_read)

    async def close(self) -> None:
        """Close all connections; deliveries in flight fail."""
        await self._connector.close()
        await self._fresh.close()


# ValueError: the request can't be sent, for example a header with a line break. RuntimeError: uvloop raises it where
# asyncio raises an OSError.
_FAILURES = (BadUrl, GarbageError, aiohttp.ClientError, OSError, ValueError, RuntimeError)


def _told(failure: Exception) -> tuple[Kind, str]:
    """Return the kind of a failure, and a text that begins with it."""
    cause: Exception = failure
    if isinstance(failure, aiohttp.ClientConnectorError):
        cause = failure.os_error
    kind: Kind
    match failure:
        case _ if isinstance(cause, DeniedAddressError):
            kind = "denied"
        case aiohttp.ClientConnectorDNSError():
            kind = "dns"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            kind = "tls"
        case GarbageError():
            kind = "garbage"
        case aiohttp.ClientConnectionError() | OSError() | RuntimeError():
            kind = "connection"
        case _:
            kind = "denied"
    text = " ".join(_text(cause).split())[:_ERROR_CHARACTERS]
    return kind, f"{kind}: {text}"


def _text(cause: Exception) -> str:
    match cause:
        case aiohttp.ServerDisconnectedError():
            return "closed without a response"
        case OSError(errno=int(number)) if not isinstance(cause, ssl.SSLError):
            # Without the address, so that equal failures have equal texts. Numbers of name resolution are negative.
            return os.strerror(number) if number > 0 else cause.strerror or str(cause)
    return str(cause) or type(cause).__name__
