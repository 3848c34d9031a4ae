"""Around every call: who may not call is turned away, and whatever goes wrong becomes JSON."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from streamhooks.masking import shown, where
from streamhooks.web.access import WebSettings, access
from streamhooks.web.messages import MAX_BODY, answer
from streamhooks.web.problems import ProblemError

log = logging.getLogger(__name__)

#: answers may hold secrets, and are data, whatever a browser takes them for
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def application_options(settings: WebSettings) -> dict[str, Any]:
    """Return Faust's `web_application_options`: the middlewares and the bound of request bodies."""
    return {"middlewares": [json_errors, access(settings)], "client_max_size": MAX_BODY}


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
    except Exception as error:
        # Its text may hold what the caller sent: only where it happened is told.
        log.error("%s %s failed: %s", shown(request.method), shown(request.path), where(error))
        response = answer({"detail": "internal error"}, 500)
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    return response
