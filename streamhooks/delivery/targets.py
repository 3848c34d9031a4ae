"""Where a POST goes, and how it is written: what is the same for each request to a URL is made once.

aiohttp's session builds a request object, a payload, a writer and two header maps for each POST, which costs more
than all that streamhooks itself does for a delivery. Its connections and its TLS are used as they are.

Why: docs/decisions/0009-own-requests-and-answers.md.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import ClientRequest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from streamhooks.delivery.distrust import Origin

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BEHIND_THE_AUTHORITY = re.compile(r"[a-z]+://[^/?#]*([^#]*)", re.IGNORECASE)
# What can stand in a request line: % too, since it stands for what can't, and brackets, which everybody writes.
_AS_IT_IS = "".join(c for c in map(chr, range(0x21, 0x7F)) if c not in '"<>\\^`{|}')


Request = tuple[bytes, ...]
"""What is written one after the other."""

#: bytes of a body from which on it is not copied behind its head: it is kept as long as the answer is waited for
APART = 16_384


class HookRequest(ClientRequest):
    """What aiohttp's connector wants to know of a request, and whose it is."""

    def __init__(self, url: URL, organization: str, **options: Any) -> None:
        super().__init__("POST", url, **options)
        key = super().connection_key
        # The pool compares keys and no more. There is no proxy whose headers this could be the hash of.
        self._key = key._replace(proxy_headers_hash=organization)  # type: ignore[arg-type]
        self.origin = Origin(key.host, key.port, key.is_ssl)

    @property
    def connection_key(self) -> ConnectionKey:
        """What two requests have in common that may use the same connection."""
        return self._key


@dataclass(frozen=True, slots=True)
class Target:
    """A URL to post to.

    request -- what aiohttp's connector wants to know of it. head -- the first lines of each request.
    """

    request: HookRequest
    head: str


def target_of(
    checked: URL,
    url: str,
    organization: str,
    *,
    loop: asyncio.AbstractEventLoop,
    ssl_context: ssl.SSLContext | None,
    headers: Mapping[str, str],
) -> Target:
    """Return the target of a URL of an organization's hook.

    `checked` is the URL as it was parsed and checked: it says where to connect to, and the Host. The text of the URL
    says what to ask for there. `headers` go with each request, a User-Agent for example.
    """
    request = HookRequest(checked, organization, loop=loop, ssl=True if ssl_context is None else ssl_context)
    lines = [f"Host: {request.headers['Host']}", *(f"{name}: {value}" for name, value in headers.items())]
    return Target(request, "\r\n".join([f"POST {request_target(url)} HTTP/1.1", *lines]))


def request_target(url: str) -> str:
    """Return the path and query of a URL as they are written in it, without its fragment.

    Encoded is only what can't stand in a request line, see `_AS_IT_IS`; what is not ASCII as UTF-8.
    """
    found = _BEHIND_THE_AUTHORITY.match(url)
    text = found[1] if found else ""
    return quote(text if text.startswith("/") else f"/{text}", safe=_AS_IT_IS)


def written(target: Target, headers: Mapping[str, str], body: bytes) -> Request:
    """Return a request as it goes over the wire.

    Raises:
        ValueError: a name or a value holds a line break or another control character.

    """
    lines = [f"{name}: {value}" for name, value in headers.items()]
    # `isprintable` takes a tenth of the time of the expression, but has no tab and not all that UTF-8 can say.
    if not (together := "".join(lines)).isprintable() and _FORBIDDEN.search(together):
        raise ValueError("a control character in a header")
    accept = "" if "accept" in map(str.lower, headers) else "\r\nAccept: */*"
    head = "\r\n".join([target.head, *lines])
    whole = f"{head}{accept}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return (whole + body,) if len(body) < APART else (whole, body)
