"""Access control: tokens with scopes (RFC 6750). Without tokens, only programs and pages of this machine may call.

A call that another worker has forwarded has a signature instead of a token.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from streamhooks.settings import is_loopback
from streamhooks.web.http.messages import read_body
from streamhooks.web.http.problems import ProblemError, try_again
from streamhooks.web.http.signing import (
    ForwardedCall,
    KeySettings,
    Refused,
    Scope,
    Signer,
    TokenScope,
    TooManyCalls,
    has_body,
)
from streamhooks.web.http.wrong_tokens import WrongTokens

#: the header with the signature of a forwarded call
FORWARDED: Final = "X-Streamhooks-Forwarded"
#: the scope of a call that may be forwarded: `read` or `write`
SCOPE: Final = web.RequestKey("scope", str)
#: whether another worker has forwarded the call
IS_FORWARDED: Final = web.RequestKey("is_forwarded", bool)

_OPEN = frozenset({"/", "/openapi.json", "/health/live", "/health/ready"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SENDING = ("POST", "/api/messages")
#: the scopes that allow a call which needs the given one
_ALLOWED_BY: Final[Mapping[TokenScope, frozenset[TokenScope]]] = {
    "read": frozenset({"read", "write"}),
    "send": frozenset({"send", "write"}),
    "write": frozenset({"write"}),
}
_MAY: Final[Mapping[TokenScope, str]] = {"read": "read", "send": "send messages"}
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")


class WebSettings(KeySettings, Protocol):
    """The settings of the web views."""

    @property
    def advertised_host(self) -> str:
        """Return the host under which other workers reach this one."""

    @property
    def advertised_url(self) -> str:
        """Return the base URL under which other workers reach this one."""


def access(settings: WebSettings, clock: Callable[[], float]) -> Middleware:
    """Return a middleware that answers 401 or 403 to calls without access; `clock` returns epoch seconds.

    401 means no valid token, 403 a token without the scope for the call. Without tokens in the settings, 403 means
    calls from other machines and cross-site browser requests: calls to an unknown host name, and changes from another
    site.
    """
    tokens: list[tuple[TokenScope, str]] = list(settings.api_tokens)
    if settings.api_token:
        tokens.append(("write", settings.api_token))
    signer, wrong = Signer(settings, clock), WrongTokens()

    async def scopes(request: web.Request) -> set[TokenScope]:
        if FORWARDED in request.headers:
            return {await _signed_scope(signer, request, settings.advertised_url)}
        if not tokens:
            return {"read", "write"}
        found = _scopes(tokens, request.headers)
        if not found and "Authorization" in request.headers:
            await wrong.slow_down(_peer(request))
        return found

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_open(request):
            needed = _needed(request)
            if not tokens:
                _check_peer(_peer(request))
                _check_origin(request.headers, settings.advertised_host, needed != "read")
            found = await scopes(request)
            _check_scope(found, needed)
            request[SCOPE] = "write" if "write" in found else "read"
        return await handler(request)

    return check


async def _signed_scope(signer: Signer, request: web.Request, target: str) -> Scope:
    """Return the scope of a forwarded call; raise ProblemError if its signature is wrong."""
    given = request.headers[FORWARDED]
    try:
        scope = signer.check(given, forwarded_call(target, request))
    except Refused as refused:
        raise ProblemError(401, {"detail": f"the forwarded call is refused: {refused}"}) from None
    except TooManyCalls:
        raise try_again("too many forwarded calls at once") from None
    if not has_body(given, await read_body(request)):
        raise ProblemError(401, {"detail": "the forwarded call is refused: its body is not the signed one"})
    request[IS_FORWARDED] = True
    return scope


def forwarded_call(target: str, request: web.Request) -> ForwardedCall:
    """Return the signed parts of a call that is forwarded to `target`, a base URL."""
    url, content_type = request.rel_url, request.headers.get("Content-Type", "")
    if_match = request.headers.get("If-Match", "")
    # Only the origin: the consumer group and the settings may write one address in two ways.
    return ForwardedCall(
        str(URL(target).origin()), request.method, url.raw_path, url.raw_query_string, content_type, if_match
    )


def _peer(request: web.Request) -> str:
    """Return the address of the caller; empty if the connection is gone."""
    return request.remote or ""


def _is_open(request: web.Request) -> bool:
    """Tell whether the call needs no access. The route that will handle it decides, not the spelling of its path."""
    place = _place(request)
    return place in _OPEN or place == "/assets" or place.startswith("/assets/")


def _needed(request: web.Request) -> TokenScope:
    """Return the scope that the call needs."""
    if (request.method, _place(request)) == _SENDING:
        return "send"
    return "read" if request.method in _READING else "write"


def _place(request: web.Request) -> str:
    """Return the path of the route that will handle the call."""
    resource = request.match_info.route.resource
    return request.path if resource is None else resource.canonical


def _check_scope(scopes: set[TokenScope], needed: TokenScope) -> None:
    if not scopes:
        raise ProblemError(401, {"detail": "a valid token is required"}, {"WWW-Authenticate": "Bearer"})
    if not scopes & _ALLOWED_BY[needed]:
        challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'}
        may = " and ".join(_MAY[scope] for scope in sorted(scopes))
        raise ProblemError(403, {"detail": f"this token may only {may}"}, challenge)


def _scopes(tokens: Sequence[tuple[TokenScope, str]], headers: Mapping[str, str]) -> set[TokenScope]:
    """Return the scopes of the given token. All tokens are compared, so that the time does not reveal which matches."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    # Bytes that aren't UTF-8 arrive as surrogates, which compare_digest does not accept in a text.
    text = given.strip().encode(errors="surrogateescape")
    found = {scope for scope, token in tokens if hmac.compare_digest(text, token.encode())}
    return found if scheme.lower() == "bearer" else set()


def _check_peer(peer: str) -> None:
    if not is_loopback(peer.removeprefix("::ffff:").partition("%")[0]):
        raise ProblemError(403, {"detail": "without tokens, only calls from this machine are answered"})


def _check_origin(headers: Mapping[str, str], advertised: str, changes: bool) -> None:
    if not _is_own_host(headers.get("Host", ""), advertised):
        # A page can point its own name to our address (DNS rebinding); then only the Host reveals it.
        raise ProblemError(403, {"detail": "without tokens, only calls to a loopback host are answered"})
    if changes and _is_cross_site(headers):
        raise ProblemError(403, {"detail": "without tokens, pages of other sites may not change anything"})


def _is_own_host(given: str, advertised: str) -> bool:
    authority = _AUTHORITY.fullmatch(given)
    if authority is None:
        return False
    host = authority[1].strip("[]").lower()
    return not given or is_loopback(host) or host == advertised.strip("[]").lower()


def _is_cross_site(headers: Mapping[str, str]) -> bool:
    """Tell by the headers that every browser sends with a change (Fetch Metadata, else RFC 6454), unlike programs."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("Origin")
    return origin is not None and origin.partition("://")[2].lower() != headers.get("Host", "").lower()
