"""The HTTP client of the deliveries: one POST, one answer, whatever the endpoint does."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Literal, NamedTuple

import aiohttp
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.certificates import verifying
from streamhooks.delivery.connections import DeniedAddressError, HookConnector, StaleConnectionError
from streamhooks.delivery.targets import Target, target_of, written
from streamhooks.errors import BadUrl

Kind = Literal["answered", "timeout", "connection", "dns", "tls", "garbage", "denied"]

EXCERPT_CHARACTERS = 1024
MAX_READ = 16 * 1024
MAX_HEADER_LINE = 16 * 1024
MAX_HEADERS = 128
DNS_SECONDS = 30
# Just below the 5 s after which Node, uvicorn and others close an idle connection: who reuses one as it is
# being closed gets a reset, and can't know whether the POST was handled.
IDLE_SECONDS = 4

_ERROR_CHARACTERS = 200
_SWITCHING = 101
#: the one limit is the total, around all of an exchange
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)


class Answer(NamedTuple):
    """What came back: a status (`kind` is "answered") or an error, never both.

    `retry_after_values` are the `Retry-After` headers in their order, `excerpt` the first 1,024 characters of
    the body (UTF-8, with replacements).
    """

    status: int | None
    error: str | None
    kind: Kind
    retry_after_values: tuple[str, ...]
    excerpt: str
    duration_ms: int


class HookClient:
    """Posts to many hosts over kept connections. Made inside a running loop; closed by `close()`.

    `limit` is the number of connections at once: keep the deliveries in flight below it, since waiting for a
    connection counts into a delivery's time. `ssl_context` is for own certificate authorities; by default
    the system's. It is changed so that certificates need a SAN. Proxies, netrc and cookies play no part,
    redirects are not followed.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        limit: int,
        user_agent: str,
        max_read: int = MAX_READ,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_read = max_read
        ssl_context = verifying(ssl_context)
        self._connector = HookConnector(
            policy, limit=limit, ttl_dns_cache=DNS_SECONDS, keepalive_timeout=IDLE_SECONDS, ssl=ssl_context
        )
        self._fresh = HookConnector(policy, limit=limit, ttl_dns_cache=DNS_SECONDS, force_close=True, ssl=ssl_context)
        fixed = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._target: Callable[[str], Target] = lru_cache(maxsize=16_384)(
            lambda url: target_of(policy.parsed_url(url), self._loop, ssl_context, fixed)
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        """POST the body and return what came back, at the latest after `timeout` seconds in all.

        Everything counts into the time: the look-up of the name, the connection, TLS, and the body of the
        answer up to what is kept of it. Raises only `asyncio.CancelledError`.
        """
        started = self._loop.time()
        excerpt = b""
        retry_after: tuple[str, ...] = ()
        status: int | None = None
        error: str | None = None
        kind: Kind = "answered"
        try:
            async with asyncio.timeout(timeout):
                target = self._target(url)
                message, excerpt = await self._answer(target, written(target, headers, body))
            status = message.code
            if status >= 400:
                retry_after = tuple(message.headers.getall("Retry-After", ()))
        except TimeoutError:
            kind, error = "timeout", f"timeout: not done within {timeout:g} s"
        except _FAILURES as failure:
            kind, error = _told(failure)
        return Answer(
            status=status,
            error=error,
            kind=kind,
            retry_after_values=retry_after,
            # A character has at most four bytes.
            excerpt=excerpt[: 4 * EXCERPT_CHARACTERS].decode(errors="replace")[:EXCERPT_CHARACTERS],
            duration_ms=round((self._loop.time() - started) * 1000),
        )

    async def _answer(self, target: Target, request: bytes) -> tuple[RawResponseMessage, bytes]:
        try:
            return await self._exchange(self._connector, target, request)
        except StaleConnectionError:
            # The endpoint closes what it lets us keep. Whether it has handled the POST can't be known: it gets it
            # once more, with the same webhook-id, and this is still the same attempt.
            return await self._exchange(self._fresh, target, request)

    async def _exchange(
        self, connector: HookConnector, target: Target, request: bytes
    ) -> tuple[RawResponseMessage, bytes]:
        """Write a request; return the head of its answer and the beginning of the body."""
        if connector.closed:
            raise aiohttp.ClientConnectionError("the client is closed")
        connection = await connector.connect(target.request, [], _NO_TIMEOUT)
        try:
            protocol, transport = connection.protocol, connection.transport
            if protocol is None or transport is None:
                raise aiohttp.ServerDisconnectedError
            protocol.set_response_params(
                read_until_eof=True,
                auto_decompress=False,
                max_line_size=MAX_HEADER_LINE,
                max_field_size=MAX_HEADER_LINE,
                max_headers=MAX_HEADERS,
            )
            transport.write(request)
            message, content = await protocol.read()
            while 100 <= message.code < 200 and message.code != _SWITCHING:
                message, content = await protocol.read()
            excerpt = b"" if content.at_eof() else await _read(content, self._max_read)
            if transport.get_write_buffer_size():
                transport.abort()  # it has answered before it read the request, and may never read it
            # Keeps the connection if the answer was read to its end and nothing follows, else drops it.
            connection.release()
            return message, excerpt
        finally:
            connection.close()

    async def close(self) -> None:
        """Close all connections; deliveries under way fail."""
        await self._connector.close()
        await self._fresh.close()


async def _read(content: aiohttp.StreamReader, limit: int) -> bytes:
    """Return the first `limit` bytes of a body, fewer if it breaks off: the status line has decided."""
    body = b""
    with suppress(aiohttp.ClientError, HttpProcessingError, OSError):
        while len(body) < limit and (chunk := await content.read(limit - len(body))):
            body += chunk
    return body


# ValueError: what can't be sent, such as a header with a line break. RuntimeError: uvloop raises it where
# asyncio has an OSError.
_FAILURES = (BadUrl, aiohttp.ClientError, HttpProcessingError, OSError, ValueError, RuntimeError)


def _told(failure: Exception) -> tuple[Kind, str]:
    """Return the kind of a failure, and the kind with a text."""
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
        case aiohttp.ClientPayloadError() | HttpProcessingError():
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
            return "closed without an answer"
        case HttpProcessingError():
            return cause.message
        case OSError(errno=int(number)) if not isinstance(cause, ssl.SSLError):
            # Without the address, so that equal failures read alike; those of look-ups are negative.
            return os.strerror(number) if number > 0 else cause.strerror or str(cause)
    return str(cause) or type(cause).__name__
