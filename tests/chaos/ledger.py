"""The receiver of `streamhooks.dev` in a process of its own, with a ledger of every single request.

`GET /_ledger` returns them, oldest first: `[time, path, webhook-id, number in the body, status, port, end]`; the status
is null if it got no answer, and the end if it has none yet. `GET /_count` says how many signatures were wrong. What
comes to hooks that callers change is not in it: of their samples the last one is kept, `GET /_samples`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from support.api import Api
from support.eventually import eventually

from chaos.scene import CHANGED, SECRET
from streamhooks.dev.guard import dismiss, guard
from streamhooks.dev.ports import free_port
from streamhooks.dev.receiver import create_receiver

_NUMBER = re.compile(rb'"chaos":(\d+)')


@dataclass(frozen=True)
class Request:
    """A request that came; `at` in epoch seconds."""

    at: float
    path: str
    id: str
    number: int
    status: int | None
    port: int = 0
    """Of the other end of its connection."""
    ended: float | None = None
    """When it was answered, or its connection was gone (epoch seconds)."""


class Receiver:
    """The process, as the one that started it sees it."""

    def __init__(self, folder: Path) -> None:
        self.port = port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self._api = Api(self.base, timeout=60)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "receiver.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.ledger", str(port)],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard = guard(self._process.pid)
        eventually(lambda: self._api.get("/_count").status == 200)

    def behave(self, path: str, behaviour: Mapping[str, object]) -> None:
        """Change how a path behaves."""
        answer = self._api.put(f"/_behaviour{path}", dict(behaviour))
        if answer.status != 204:
            raise AssertionError(answer)

    def requests(self) -> list[Request]:
        """Return every request, oldest first."""
        return [Request(*one) for one in self._api.get("/_ledger").json]

    def samples(self) -> dict[str, dict[str, str]]:
        """Return by path the headers and the body (`""`) of the last request to a hook that callers changed."""
        return self._api.get("/_samples").json

    def unverified(self) -> int:
        """Return how many requests had a wrong signature."""
        return self._api.get("/_count").json["unverified"]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        dismiss(self._guard)


def create_ledger() -> web.Application:
    """Make the application."""
    ledger: list[list[object]] = []
    samples: dict[str, dict[str, str]] = {}
    signed: ContextVar[float] = ContextVar("signed")

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/_ledger":
            return web.Response(body=orjson.dumps(ledger), content_type="application/json")
        if request.path == "/_samples":
            return web.Response(body=orjson.dumps(samples), content_type="application/json")
        if request.path.startswith("/_"):
            return await handler(request)
        if request.path.startswith(CHANGED):
            headers = {name.lower(): text for name, text in request.headers.items()}
            samples[request.path] = {**headers, "": await request.text()}
            return web.Response()
        at = time.time()
        found = _NUMBER.search(await request.read())
        port = request.transport.get_extra_info("peername")[1] if request.transport else 0
        number = int(found[1]) if found else -1
        entry = [at, request.path, request.headers.get("webhook-id", ""), number, None, port, None]
        ledger.append(entry)
        signed.set(float(request.headers.get("webhook-timestamp", at)))
        try:
            response = await handler(request)
            if request.transport is not None and not request.transport.is_closing():
                entry[4] = response.status
            return response
        finally:
            entry[6] = time.time()

    # A signature holds whatever the clock of the worker says.
    app = create_receiver({"*": SECRET}, keep=1, bodies=False, clock=signed.get)
    app.middlewares.append(note)
    return app


if __name__ == "__main__":
    web.run_app(
        create_ledger(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=0.1,
    )
