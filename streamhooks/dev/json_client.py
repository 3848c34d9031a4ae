"""A small JSON client for the workers' web views and the receiver."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from json import JSONDecodeError
from typing import Any

from streamhooks.records.exact_json import dumps, loads


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would take the caller's token along to wherever it is sent."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
_BY_PROXY = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status; `json` is None for an empty body."""

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
) -> Answer:
    """Send `body` as JSON, if there is one, and return what came back; redirects are not followed.

    timeout -- seconds. proxies -- go by those of the environment; what is on this machine is reached without.
    Raises OSError if nobody answers in time, or with something else than JSON.
    """
    data = None if body is None else dumps(body)
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        try:
            with (_BY_PROXY if proxies else _DIRECT).open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, _parsed(answer.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, _parsed(error.read()))
    except (HTTPException, JSONDecodeError) as error:
        raise OSError(f"{url}: {error}") from error


def _parsed(body: bytes) -> Any:
    return loads(body) if body else None
