"""A small JSON client for what runs on this machine: the workers' web views and the receiver."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import Any

import orjson

# Without the proxies of the environment: all that is called is on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status; `json` is None for an empty body."""

    status: int
    headers: Message
    json: Any


def call(method: str, url: str, body: object = None, timeout: float = 5.0) -> Answer:
    """Send `body` as JSON, if there is one, and return what came back; `timeout` in seconds.

    Raises OSError if nobody answers in time, or with something else than JSON.
    """
    request = urllib.request.Request(url, None if body is None else orjson.dumps(body), method=method)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        try:
            with _OPENER.open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, _parsed(answer.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, _parsed(error.read()))
    except (HTTPException, orjson.JSONDecodeError) as error:
        raise OSError(f"{url}: {error}") from error


def _parsed(body: bytes) -> Any:
    return orjson.loads(body) if body else None
