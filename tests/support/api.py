from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

#: how often a patient client tries again
TRIES = 10


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `json` raises if the body is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Api:
    """A JSON client that neither follows redirects nor raises for a status; OSError if nobody answers."""

    base: str
    token: str | None = None
    timeout: float = 10.0
    ca: Path | None = None
    """The authority that the worker's certificate is from."""
    is_patient: bool = False
    """Whether it does what a 503 with `Retry-After` asks for, as clients should; without, a test sees each answer."""

    def get(self, path: str, /, **query: object) -> Answer:
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: object = None) -> Answer:
        return self.call("POST", path, body)

    def put(self, path: str, body: object = None) -> Answer:
        return self.call("PUT", path, body)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send `body` as JSON (bytes as they are) and return what came back, whatever its status."""
        for _ in range(TRIES if self.is_patient else 0):
            answer = self._call(method, path, body, headers)
            if answer.status != 503 or answer.json.get("maybe_applied") or "Retry-After" not in answer.headers:
                return answer
            time.sleep(float(answer.headers["Retry-After"]))
        return self._call(method, path, body, headers)

    def _call(self, method: str, path: str, body: object, headers: Mapping[str, str] | None) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, text in (headers or {}).items():
            request.add_header(name, text)
        try:
            with _opener(self.ca).open(request, timeout=self.timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args, **_kwargs):
        return None


@cache
def _opener(ca: Path | None) -> urllib.request.OpenerDirector:
    # Without the proxies of the environment: all that is called is on this machine.
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca))
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), tls, _NoRedirects)


class _HasBase(Protocol):
    base: str
    token: str | None
    ca: Path | None


def api(worker: _HasBase) -> Api:
    """Return a client of a worker's web views."""
    return Api(worker.base, worker.token, ca=worker.ca)
