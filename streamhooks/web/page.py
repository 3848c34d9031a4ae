"""The page of a worker: one HTML document, its scripts and its style, from the files in `assets`.

Two scripts are generated from tables of the code. The files have no data and need no token: the page asks for a token
and calls the API with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import ETag, web

from streamhooks.web import fields, tables
from streamhooks.web.http.messages import query
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import not_found
from streamhooks.web.views import service

_INDEX: Final = "index.html"
_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_CACHING: Final[Mapping[str, str]] = {
    # Checked each time, and answered with a 304: a worker of another version may serve the next page.
    "Cache-Control": "no-cache",
    # The page shows responses of receivers as text. Should that ever fail, no script in them runs.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page."""

    body: bytes
    media: str
    tag: str


async def index(parts: Parts, request: web.Request) -> web.Response:
    """Answer a browser with the page, and other programs with name and version in JSON."""
    if _wants_html(request):
        found = _answer(request, assets()[_INDEX])
    else:
        found = await service.index(parts, request)
    found.headers["Vary"] = "Accept"
    return found


async def asset(_parts: Parts, request: web.Request) -> web.Response:
    """Answer with a file of the page; raise ProblemError with 404 for any other name."""
    query(request)
    found = assets().get(request.match_info["name"])
    if found is None:
        raise not_found("asset")
    return _answer(request, found)


@cache
def assets() -> Mapping[str, Asset]:
    """Return the files of the page by name. Nothing else is ever served: no path is built from a request."""
    found = {}
    for file in (files("streamhooks.web") / "assets").iterdir():
        media = _TYPES.get(file.name.rpartition(".")[2])
        if media is not None:
            body = file.read_bytes()
            found[file.name] = _asset(body, media)
    found[fields.NAME] = _asset(fields.script(), _TYPES["js"])
    found[tables.NAME] = _asset(tables.script(), _TYPES["js"])
    return found


def _asset(body: bytes, media: str) -> Asset:
    return Asset(body, media, sha256(body).hexdigest()[:32])


def _answer(request: web.Request, found: Asset) -> web.Response:
    known = request.if_none_match or ()
    if any(tag.value in (found.tag, "*") for tag in known):
        response = web.Response(status=304, headers=_CACHING)
    else:
        response = web.Response(body=found.body, headers=_CACHING, content_type=found.media, charset="utf-8")
    response.etag = ETag(found.tag)
    return response


def _wants_html(request: web.Request) -> bool:
    """Tell whether the request names HTML, as every browser does; programs send `*/*`."""
    for entry in request.headers.get("Accept", "").split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        if media == "text/html":
            return not any(part.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for part in parameters)
    return False
