"""A small JSON client for the workers' web views and the receiver."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cache
from http.client import HTTPException
from json import JSONDecodeError
from typing import Any

from streamhooks.records.exact_json import dumps, loads


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: urllib would send the caller's token to the new place."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


@cache
def _opener(proxies: bool, tls: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [] if proxies else [urllib.request.ProxyHandler({})]
    if tls is not None:
        handlers.append(urllib.request.HTTPSHandler(context=tls))
    return urllib.request.build_opener(*handlers, _NoRedirects)


@dataclass(frozen=True)
class Answer:
    """An HTTP response with any status; `json` is None for an empty body."""

    status: int
    headers: Message
    json: Any


def call(
    method: str,
    url: str,
    body: object = None,
    timeout: float = 5.0,
    *,
    headers: Mapping[str, str] | None = None,
    proxies: bool = False,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send `body` as JSON, unless it is None, and return the response. Redirects are not followed.

    timeout -- seconds. proxies -- use the proxies of the environment; never for this machine.
    tls -- the trusted certificates; None means those of the system.
    Raise OSError if there is no response in time, or one that is not JSON.
    """
    data = None if body is None else dumps(body)
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        try:
            with _opener(proxies, tls).open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, _parsed(answer.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, _parsed(error.read()))
    except (HTTPException, JSONDecodeError) as error:
        raise OSError(f"{url}: {error}") from error


def _parsed(body: bytes) -> Any:
    return loads(body) if body else None
