"""The HTTP client of the deliveries: one POST, one answer, whatever the endpoint does."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.connections import DeniedAddressError, HookConnector, StaleConnectionError
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


@dataclass(frozen=True, slots=True)
class Answer:
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
    the system's. Proxies, netrc and cookies play no part, redirects are not followed.
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
        self._target = lru_cache(maxsize=16_384)(policy.parsed_url)
        ssl_option = True if ssl_context is None else ssl_context
        self._session = _session(
            HookConnector(
                policy, limit=limit, ttl_dns_cache=DNS_SECONDS, keepalive_timeout=IDLE_SECONDS, ssl=ssl_option
            ),
            user_agent,
        )
        self._fresh = _session(
            HookConnector(policy, limit=limit, ttl_dns_cache=DNS_SECONDS, force_close=True, ssl=ssl_option), user_agent
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
                response = await self._answer(self._target(url), body, headers)
                try:
                    excerpt = await _read(response.content, self._max_read)
                finally:
                    # Keeps the connection if the answer was read to its end, else drops it without waiting.
                    response.close()
            status = response.status
            if status >= 400:
                retry_after = tuple(response.headers.getall("Retry-After", ()))
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

    async def _answer(self, url: URL, body: bytes, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        try:
            return await self._session.post(url, data=body, headers=headers, allow_redirects=False)
        except StaleConnectionError:
            # The endpoint closes what it lets us keep. Whether it has handled the POST can't be known: it gets it
            # once more, with the same webhook-id, and this is still the same attempt.
            return await self._fresh.post(url, data=body, headers=headers, allow_redirects=False)

    async def close(self) -> None:
        """Close all connections; deliveries under way fail."""
        await self._session.close()
        await self._fresh.close()


def _session(connector: HookConnector, user_agent: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        trust_env=False,
        auto_decompress=False,
        max_line_size=MAX_HEADER_LINE,
        max_field_size=MAX_HEADER_LINE,
        max_headers=MAX_HEADERS,
    )


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
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | HttpProcessingError():
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
        case aiohttp.ClientResponseError():
            return cause.message
        case OSError(errno=int(number)) if not isinstance(cause, ssl.SSLError):
            # Without the address, so that equal failures read alike; those of look-ups are negative.
            return os.strerror(number) if number > 0 else cause.strerror or str(cause)
    return str(cause) or type(cause).__name__
