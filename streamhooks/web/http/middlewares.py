"""The middlewares of every call: access control, and errors as JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from streamhooks.errors import Busy
from streamhooks.masking import shown, where
from streamhooks.metrics import REFUSED_CALLS
from streamhooks.web.http.access import WebSettings, access
from streamhooks.web.http.messages import MAX_BODY, answer
from streamhooks.web.http.problems import RETRY_AFTER, ProblemError

log = logging.getLogger(__name__)

#: answers may hold secrets, so nobody may cache them; and a browser must not guess another type
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def application_options(settings: WebSettings, clock: Callable[[], float]) -> dict[str, Any]:
    """Return Faust's `web_application_options`: the middlewares and the maximum size of request bodies."""
    return {"middlewares": [json_errors, access(settings, clock)], "client_max_size": MAX_BODY}


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with JSON, even after an error."""
    response: web.StreamResponse
    try:
        response = await handler(request)
    except ProblemError as problem:
        response = answer(problem.body, problem.status, problem.headers)
    except Busy as busy:
        REFUSED_CALLS.labels(busy.what).inc()
        response = answer({"detail": str(busy)}, 429, RETRY_AFTER)
    except web.HTTPException as error:
        headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        response = answer({"detail": error.reason.lower()}, error.status, headers)
    except Exception as error:
        # Its text may contain what the caller sent, so only its place is logged.
        log.error("%s %s failed: %s", shown(request.method), shown(request.path), where(error))
        response = answer({"detail": "internal error"}, 500)
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    return response
