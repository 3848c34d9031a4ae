"""Made-up calls of tasks, as the API shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from page_data import EVIL, JSON


class TaskCalls:
    """`calls` are those that wait or run."""

    def __init__(self) -> None:
        self.calls: list[JSON] = []

    def routes(self) -> Iterator[tuple[str, str, Any]]:
        """Yield method, path and handler of each call of the API."""
        yield "GET", "/api/tasks", self._list
        yield "GET", "/api/tasks/{call}", self._show
        yield "POST", "/api/tasks/{call}/run", self._run
        yield "DELETE", "/api/tasks/{call}", self._drop

    async def _list(self, request: web.Request) -> web.Response:
        given, counts = request.query, Counter((one["task"], one["state"]) for one in self.calls)
        fits = [
            one
            for one in self.calls
            if given.get("task") in (None, one["task"]) and given.get("state") in (None, one["state"])
        ]
        start, limit = int(given.get("cursor", "0")), int(given["limit"])
        tasks = [
            {"task": task, **{state: counts[task, state] for state in ("waiting", "queued", "unknown", "running")}}
            for task in sorted({task for task, _ in counts})
        ]
        cursor = str(start + limit) if start + limit < len(fits) else None
        return web.json_response({"calls": fits[start : start + limit], "tasks": tasks, "next_cursor": cursor})

    def _named(self, request: web.Request) -> JSON:
        return next(one for one in self.calls if one["call_id"] == request.match_info["call"])

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response({**self._named(request), "args": [EVIL, 1.5], "kwargs": {"cents": 300}})

    async def _run(self, request: web.Request) -> web.Response:
        return web.json_response(self._named(request), status=202)

    async def _drop(self, request: web.Request) -> web.Response:
        self.calls.remove(self._named(request))
        return web.Response(status=204)
