"""Eight callers that change hooks in every way, through all workers, whatever happens to these."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from support import Worker

from chaos.changes import DONE, SECRET, THERE, Change, Journal, Sight
from chaos.fleet import Fleet
from chaos.scene import CHANGED, ORGANIZATION

CALLERS = 8
#: more than a pause: what a worker answers when it wakes up is an answer
_TIMEOUT = aiohttp.ClientTimeout(total=25)
_AT_ONCE = 6
_MOST_CHANGES = 25
#: which fields a view shows as they were given
SHOWN = ("url", "timeout", "max_in_flight", "rate_limit", "retry_schedule", "headers", "status")
_numbers = count(1)


@dataclass(frozen=True)
class Came:
    """The result of a call; `status` is None without an answer. Times in monotonic seconds."""

    worker: str
    begun: float
    ended: float
    status: int | None
    body: Any = None
    etag: str | None = None

    @property
    def maybe(self) -> bool:
        return isinstance(self.body, dict) and self.body.get("maybe_applied") is True


def name_of(worker: Worker) -> str:
    """Return the name of a worker's process: one that was started again knows nothing of what it answered before."""
    return f"{worker.data_dir.name}:{worker.pid}"


async def call(
    session: aiohttp.ClientSession,
    worker: Worker,
    method: str,
    path: str,
    body: object = None,
    match: str | None = None,
) -> Came | None:
    """Return the result of a call; None if no worker took it."""
    name, begun = name_of(worker), time.monotonic()
    headers = {"If-Match": match} if match else {}
    try:
        async with session.request(method, worker.base + path, json=body, headers=headers) as answer:
            text = await answer.read()
            found = await answer.json() if text else None
            etag = answer.headers.get("ETag")
            return Came(name, begun, time.monotonic(), answer.status, found, etag)
    except aiohttp.ClientConnectorError:
        return None
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return Came(name, begun, time.monotonic(), None)


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a call once: aiohttp repeats a PUT or DELETE whose connection broke, whether it was a kept one or not."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # it was not sent
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from None


def client() -> aiohttp.ClientSession:
    """Return a session that sends each call once."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    return aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector, middlewares=(_once,))


def shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is compared of a hook as it is shown; of its headers the names."""
    headers = body["headers"]
    return {name: body[name] for name in SHOWN} | {"headers": None if headers is None else sorted(headers)}


@dataclass
class Storm:
    """The callers, and the hooks that they change for a while."""

    journal: Journal
    fleet: Fleet
    receiver: str
    """Its base URL."""
    session: aiohttp.ClientSession
    hooks: dict[str, int] = field(default_factory=dict)
    """Those that are changed at present, each with how often it was."""

    async def run(self, seconds: float, draw: random.Random) -> None:
        """Change hooks for this time."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self._call_on(end, random.Random(draw.random())))

    async def _call_on(self, end: float, draw: random.Random) -> None:
        while time.monotonic() < end:
            worker = self._any(draw)
            if worker is None:
                await asyncio.sleep(0.2)
            elif len(self.hooks) < _AT_ONCE:
                await self._make(worker)
            else:
                await self._change(worker, draw, draw.choice(list(self.hooks)))
            await asyncio.sleep(draw.uniform(0, 0.1))

    def _any(self, draw: random.Random) -> Worker | None:
        running = [worker for worker in self.fleet.all if worker.running]
        return draw.choice(running) if running else None

    async def _make(self, worker: Worker) -> None:
        number = next(_numbers)
        fields = {"organization_id": ORGANIZATION["id"], "project_ids": ["none"], "events": ["event.created"]}
        body = {**fields, "url": f"{self.receiver}{CHANGED}{number}", "timeout": 1 + number / 1e5}
        came = await call(self.session, worker, "POST", "/api/hooks", body)
        if came is None or came.status != 201:
            if came is not None and came.status not in (None, 503):
                self.journal.wrong.append(f"{came.status} for a new hook on {came.worker}: {came.body}")
            return
        made = came.body
        self._note(made["id"], came, {**shown(made), SECRET: made["secret"], THERE: True})
        self.hooks[made["id"]] = 0

    async def _change(self, worker: Worker, draw: random.Random, hook: str) -> None:
        self.hooks[hook] += 1
        if self.hooks[hook] > _MOST_CHANGES:
            del self.hooks[hook]
            return
        path, match, looked = f"/api/hooks/{hook}", None, None
        if draw.random() < 0.3:
            seen = await self._see(self._any(draw) or worker, hook)
            if seen is not None and seen.etag:
                match, looked = seen.etag, seen.ended
        method, path, body, values = self._what(draw, path)
        came = await call(self.session, worker, method, path, body, match)
        if came is None:
            return
        if method == "DELETE" and came.status in (*DONE, None):
            self.hooks.pop(hook, None)
        if came.status in DONE and isinstance(came.body, dict):
            self._compare(hook, came, values)
            if SECRET in values:
                values[SECRET] = values[SECRET] or came.body["secret"]
        self._note(hook, came, values, looked)
        if draw.random() < 0.3:
            await self._see(worker, hook)

    def _what(self, draw: random.Random, path: str) -> tuple[str, str, object, dict[str, Any]]:
        """Return method, path and body of some change, and the values that it gives to fields."""
        number = next(_numbers)
        kind = draw.choices(("fields", "status", "rotate", "secret", "delete"), (70, 12, 10, 4, 4))[0]
        if kind == "rotate":
            return "POST", f"{path}/rotate-secret", None, {SECRET: None}
        if kind == "delete":
            return "DELETE", path, None, {THERE: False}
        if kind == "secret":
            secret = f"chaos-{number:020}"
            return "PUT", path, {SECRET: secret}, {SECRET: secret}
        if kind == "status":
            status = draw.choice(("active", "disabled"))
            decided = {"resume": draw.choice(("skip", "all"))} if status == "active" and draw.random() < 0.8 else {}
            return "PUT", path, {"status": status, **decided}, {"status": status}
        # None of them ever comes again, so that it is known whose a value is.
        every = {
            "url": f"{self.receiver}{CHANGED}{number}",
            "timeout": 1 + number / 1e5,
            "max_in_flight": 1 + number % 9999,
            "rate_limit": 1 + number / 100,
            "retry_schedule": [float(number)],
            "headers": {f"X-Chaos-{number}": "any"},
        }
        body = {name: every[name] for name in draw.sample(sorted(every), draw.choice((1, 1, 2)))}
        return "PUT", path, body, {**body, **({"headers": sorted(body["headers"])} if "headers" in body else {})}

    async def _see(self, worker: Worker, hook: str) -> Came | None:
        came = await call(self.session, worker, "GET", f"/api/hooks/{hook}")
        if came is not None and came.status in (200, 404):
            fields = shown(came.body) if came.status == 200 else None
            self.journal.sights.append(Sight(hook, came.worker, came.begun, fields))
        return came

    def _compare(self, hook: str, came: Came, values: Mapping[str, Any]) -> None:
        """Check that an answer shows the hook as this change made it."""
        answered = shown(came.body)
        for name, value in values.items():
            if name in answered and name != "status" and answered[name] != value:
                self.journal.wrong.append(f"{name} of {hook} was set to {value}; {came.worker} shows {answered[name]}")

    def _note(self, hook: str, came: Came, values: Mapping[str, Any], looked: float | None = None) -> None:
        number = next(_numbers)
        detail = str(came.body.get("detail", "")) if isinstance(came.body, dict) else ""
        who = came.worker, came.begun, came.ended, came.status, came.maybe
        self.journal.changes += [
            Change(number, hook, name, value, *who, looked, detail) for name, value in values.items()
        ]
