"""Who may call: tokens with scopes (RFC 6750), or, without any token, programs and pages of this machine alone."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streamhooks.settings import is_loopback
from streamhooks.web.problems import ProblemError

Scope = Literal["read", "write"]

_OPEN = frozenset({"/", "/openapi.json", "/health/live", "/health/ready"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")


class WebSettings(Protocol):
    """The settings that concern the web views."""

    @property
    def api_token(self) -> str | None:
        """A token with all scopes."""

    @property
    def api_tokens(self) -> Sequence[tuple[Scope, str]]:
        """Tokens with the scope of each; write includes read."""

    @property
    def advertised_host(self) -> str:
        """The host under which other workers reach this one."""


def access(settings: WebSettings) -> Middleware:
    """Return a middleware that lets in who may call, and answers 401 or 403 to others.

    401 is for no valid token, 403 for one that may only read. Without any token in the settings, 403 is for calls
    that a browser was led to by a strange page: those under a strange host name, and changes from another site.
    """
    tokens: list[tuple[Scope, str]] = list(settings.api_tokens)
    if settings.api_token:
        tokens.append(("write", settings.api_token))

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_open(request):
            changes = request.method not in _READING
            if tokens:
                _check_token(_scopes(tokens, request.headers), changes)
            else:
                _check_origin(request.headers, settings.advertised_host, changes)
        return await handler(request)

    return check


def _is_open(request: web.Request) -> bool:
    """Tell by the route that will handle the call, not by how its path is written."""
    resource = request.match_info.route.resource
    place = request.path if resource is None else resource.canonical
    return place in _OPEN or place == "/assets" or place.startswith("/assets/")


def _check_token(scopes: set[Scope], changes: bool) -> None:
    if not scopes:
        raise ProblemError(401, {"detail": "a valid token is needed"}, {"WWW-Authenticate": "Bearer"})
    if changes and "write" not in scopes:
        challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="write"'}
        raise ProblemError(403, {"detail": "this token may only read"}, challenge)


def _scopes(tokens: Sequence[tuple[Scope, str]], headers: Mapping[str, str]) -> set[Scope]:
    """Return the scopes of the token that is given; each is compared, so that the time does not tell which fits."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    # What is no UTF-8 comes with surrogates, which compare_digest does not take in a text.
    text = given.strip().encode(errors="surrogateescape")
    found = {scope for scope, token in tokens if hmac.compare_digest(text, token.encode())}
    return found if scheme.lower() == "bearer" else set()


def _check_origin(headers: Mapping[str, str], advertised: str, changes: bool) -> None:
    if not _is_host_of_ours(headers.get("Host", ""), advertised):
        # A page can give its own name our address (DNS rebinding); then only the Host tells.
        raise ProblemError(403, {"detail": "without a token, only calls to a loopback host are answered"})
    if changes and _is_cross_site(headers):
        raise ProblemError(403, {"detail": "without a token, pages of other sites may not change anything"})


def _is_host_of_ours(given: str, advertised: str) -> bool:
    authority = _AUTHORITY.fullmatch(given)
    if authority is None:
        return False
    host = authority[1].strip("[]").lower()
    return not given or is_loopback(host) or host == advertised.strip("[]").lower()


def _is_cross_site(headers: Mapping[str, str]) -> bool:
    """Tell by what every browser sends with a change (Fetch Metadata, else RFC 6454), and other programs do not."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("Origin")
    return origin is not None and origin.partition("://")[2].lower() != headers.get("Host", "").lower()
