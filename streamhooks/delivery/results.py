"""What became of a POST: its response or the reason why there is none, as callers see it."""

from __future__ import annotations

import os
import ssl
from typing import Literal

import aiohttp
from msgspec import Struct

from streamhooks.delivery.answers import Came
from streamhooks.delivery.connections import DeniedAddressError
from streamhooks.delivery.exchanges import GarbageError
from streamhooks.delivery.heads import Fields
from streamhooks.errors import BadUrl
from streamhooks.times import steady

Kind = Literal["answered", "timeout", "connection", "dns", "tls", "garbage", "denied"]

EXCERPT_CHARACTERS = 1024

#: the exceptions that end a POST
#: ValueError: the request can't be sent, for example a header with a line break. RuntimeError: uvloop raises it where
#: asyncio raises an OSError.
FAILURES = (BadUrl, GarbageError, aiohttp.ClientError, OSError, ValueError, RuntimeError)

_ERROR_CHARACTERS = 200


class Answer(Struct, frozen=True):
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


def elapsed_ms(started: float) -> int:
    """Return the milliseconds since a moment of the steady clock."""
    return round((steady() - started) * 1000)


def answered(came: Came, duration_ms: int, written: bytes) -> Answer:
    """Return the answer that has come."""
    head, text, body = came
    # A character has at most four bytes.
    excerpt = body[: 4 * EXCERPT_CHARACTERS].decode(errors="replace")[:EXCERPT_CHARACTERS] if body else ""
    return Answer(
        head.status, None, "answered", head.retry_after, excerpt, duration_ms, head.well_formed, written, text
    )


def timed_out(timeout: float, duration_ms: int, written: bytes) -> Answer:
    """Return the answer for a POST that was not done in time."""
    return Answer(None, f"timeout: not done within {timeout:g} s", "timeout", (), "", duration_ms, written=written)


def failed(failure: BaseException, duration_ms: int, written: bytes) -> Answer:
    """Return the answer for one of the `FAILURES`."""
    kind, error = _told(failure)
    return Answer(None, error, kind, (), "", duration_ms, written=written)


def _told(failure: BaseException) -> tuple[Kind, str]:
    """Return the kind of a failure, and a text that begins with it."""
    cause: BaseException = failure
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


def _text(cause: BaseException) -> str:
    match cause:
        case aiohttp.ServerDisconnectedError():
            return "closed without a response"
        case OSError(errno=int(number)) if not isinstance(cause, ssl.SSLError):
            # Without the address, so that equal failures have equal texts. Numbers of name resolution are negative.
            return os.strerror(number) if number > 0 else cause.strerror or str(cause)
    return str(cause) or type(cause).__name__
