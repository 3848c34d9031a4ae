"""Around every call: the token is asked for, and whatever goes wrong becomes JSON."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streamhooks.web.messages import MAX_BODY, answer
from streamhooks.web.problems import ProblemError

log = logging.getLogger(__name__)

#: answers may hold secrets, and are data, whatever a browser takes them for
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_OPEN = frozenset({"/", "/openapi.json", "/health/live", "/health/ready"})


class WebSettings(Protocol):
    """The settings that concern the web views."""

    @property
    def api_token(self) -> str | None:
        """What callers must know; None lets everybody in."""


def application_options(settings: WebSettings) -> dict[str, Any]:
    """Return Faust's `web_application_options`: the middlewares and the bound of request bodies."""
    return {"middlewares": [json_errors, token_needed(settings.api_token)], "client_max_size": MAX_BODY}


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with JSON, also when something goes wrong."""
    response: web.StreamResponse
    try:
        response = await handler(request)
    except ProblemError as problem:
        response = answer(problem.body, problem.status, problem.headers)
    except web.HTTPException as error:
        headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        response = answer({"detail": error.reason.lower()}, error.status, headers)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        response = answer({"detail": "internal error"}, 500)
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    return response


def token_needed(token: str | None) -> Middleware:
    """Return a middleware that answers 401 (RFC 6750) without the token; None asks for none."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token is None or _is_open(request) or _is_given(token, request.headers):
            return await handler(request)
        raise ProblemError(401, {"detail": "a valid token is needed"}, {"WWW-Authenticate": "Bearer"})

    return check


def _is_open(request: web.Request) -> bool:
    """Tell by the route that will handle the call, not by how its path is written."""
    resource = request.match_info.route.resource
    place = request.path if resource is None else resource.canonical
    return place in _OPEN or place == "/assets" or place.startswith("/assets/")


def _is_given(token: str, headers: Mapping[str, str]) -> bool:
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    # What is no UTF-8 comes with surrogates, which compare_digest does not take in a text.
    same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return same and scheme.lower() == "bearer"
