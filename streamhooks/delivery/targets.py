"""The target of a POST, and how it is written: the parts that are the same for each request to a URL are made once.

For each POST, aiohttp's session builds a request object, a payload, a writer and two header maps. That costs more than
all that streamhooks itself does for a delivery. aiohttp's connections and TLS are used unchanged.

Why: docs/decisions/0009-own-requests-and-answers.md.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from aiohttp import ClientRequest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from streamhooks.delivery.distrust import Origin

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PRINTABLE = bytes(range(0x20, 0x7F))
_CONTROL = "a control character in a header"
_BEHIND_THE_AUTHORITY = re.compile(r"[a-z]+://[^/?#]*([^#]*)", re.IGNORECASE)
# Characters that may be in a request line. This includes %, which encodes those that may not, and brackets, which are
# common.
_AS_IT_IS = "".join(c for c in map(chr, range(0x21, 0x7F)) if c not in '"<>\\^`{|}')


Request = tuple[bytes, ...]
"""The parts of a request in the order in which they are written."""

#: bodies of at least so many bytes are not copied to follow their head: the copy would stay until the response comes
APART = 16_384


class HookRequest(ClientRequest):
    """What aiohttp's connector needs of a request, and the organization that it belongs to."""

    def __init__(self, url: URL, organization: str, **options: Any) -> None:
        super().__init__("POST", url, **options)
        key = super().connection_key
        # Equal for requests that may use the same connection; the pool only compares keys. There is no proxy, so this
        # is not the hash of its headers.
        self.key = key._replace(proxy_headers_hash=organization)  # type: ignore[arg-type]
        self.origin = Origin(key.host, key.port, key.is_ssl)

    @property
    def connection_key(self) -> ConnectionKey:
        """Return the key, as aiohttp asks for it."""
        return self.key


@dataclass(frozen=True, slots=True)
class Target:
    """A URL to post to.

    request -- what aiohttp's connector needs. head -- the first lines of each request.
    """

    request: HookRequest
    head: bytes


def target_of(
    checked: URL,
    url: str,
    organization: str,
    *,
    loop: asyncio.AbstractEventLoop,
    ssl_context: ssl.SSLContext | None,
    headers: Mapping[str, str],
) -> Target:
    """Return the target for the URL of an organization's hook.

    `checked` is the parsed and checked URL: it gives the address to connect to, and the Host. The text of the URL gives
    the request target. `headers` are sent with each request, for example a User-Agent.
    """
    request = HookRequest(checked, organization, loop=loop, ssl=True if ssl_context is None else ssl_context)
    lines = [f"Host: {request.headers['Host']}", *(f"{name}: {value}" for name, value in headers.items())]
    return Target(request, "\r\n".join([f"POST {request_target(url)} HTTP/1.1", *lines]).encode())


def request_target(url: str) -> str:
    """Return the path and query of a URL as they are written, without its fragment.

    Only characters that may not be in a request line are encoded (see `_AS_IT_IS`), those outside ASCII as UTF-8.
    """
    found = _BEHIND_THE_AUTHORITY.match(url)
    text = found[1] if found else ""
    return quote(text if text.startswith("/") else f"/{text}", safe=_AS_IT_IS)


def written(target: Target, headers: Mapping[str, str], body: bytes) -> Request:
    """Return the bytes of a request.

    Raises:
        ValueError: a name or a value contains a line break or another control character.

    """
    template, ends = _template(tuple(headers))
    parts = template.copy()
    parts[1:-2:2] = headers.values()
    parts[-2] = str(len(body))
    rest = "".join(parts).encode()
    # `translate` takes a tenth of the time of the pattern, but also leaves tabs and what is not ASCII.
    if rest.translate(None, _PRINTABLE) != ends and _FORBIDDEN.search("".join(headers.values())):
        raise ValueError(_CONTROL)
    return (target.head + rest + body,) if len(body) < APART else (target.head + rest, body)


@lru_cache(maxsize=1024)
def _template(names: tuple[str, ...]) -> tuple[list[str], bytes]:
    """Return the parts of what follows the first lines of a request with these headers, and the ends of its lines.

    An empty part follows each name, and then `Content-Length`. One for the end of the head is the last.
    """
    if _FORBIDDEN.search("".join(names)):
        raise ValueError(_CONTROL)
    parts = [part for name in names for part in (f"\r\n{name}: ", "")]
    accept = "" if "accept" in map(str.lower, names) else "\r\nAccept: */*"
    parts += [f"{accept}\r\nContent-Length: ", "", "\r\n\r\n"]
    return parts, b"\r\n" * "".join(parts).count("\r\n")
