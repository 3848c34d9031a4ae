"""A worker's web views with made-up data, so that every view of the page can be tried without Kafka.

Answers as the OpenAPI document says. `log` holds the calls that came: (method, path with query, body).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from threading import Event, Thread
from typing import Any

from aiohttp import web
from page_data import EVIL, JSON, hook, iso
from page_messages import SentMessages
from page_tasks import TaskCalls

from streamhooks.dev.ports import free_port
from streamhooks.hooks.trouble import place_of_shown
from streamhooks.web import page
from streamhooks.web.http.middlewares import json_errors

NEWER = ("/missed", "/replay", "/api/tasks", "/api/messages", "/api/dead-letters", "/api/explain", "/api/overview")


class PageWorker:
    """Serves in a thread until `stop`. `older` has none of the newer calls; `token` is asked for, if any."""

    def __init__(self, hooks: list[JSON], *, token: str | None = None, older: bool = False) -> None:
        self.hooks = {one["id"]: one for one in hooks}
        self.token, self.older = token, older
        self.log: list[tuple[str, str, Any]] = []
        self.bodies: list[bytes] = []
        self.attempts: list[JSON] = []
        self.slow, self.cancelled, self.matches = False, 0, 37
        self.pending: list[JSON] = []
        self.letters: list[JSON] = []
        self.task_calls = TaskCalls()
        self.messages = SentMessages()
        self.missed: JSON = {"records": 0, "since": None, "available_from": None, "sending": False, "stretches": []}
        self.tried: JSON | None = None
        self.explained: JSON | None = None
        self.failing: int | None = None
        self.defaults: JSON = {
            "timeout": 5.0, "max_in_flight": 50, "rate_limit": None,
            "retry_schedule": {"service_hook": [300.0] * 5, "app": [300.0] * 3},
        }  # fmt: skip
        self.base = f"http://127.0.0.1:{(port := free_port())}"
        self._started, self._loop, self._end = Event(), asyncio.new_event_loop(), asyncio.Event()
        self._thread = Thread(target=lambda: self._loop.run_until_complete(self._serve(port)), daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def calls(self, method: str, path: str = "") -> list[tuple[str, Any]]:
        return [(where, body) for how, where, body in self.log if how == method and path in where]

    def counted(self, path: str) -> int:
        return Counter(path in where for _, where, _ in self.log)[True]

    async def _serve(self, port: int) -> None:
        app = web.Application(middlewares=[json_errors, self._check])
        app.router.add_get("/", self._page(page.index))
        app.router.add_get("/assets/{name}", self._page(page.asset))
        for method, path, handler in (
            ("GET", "/api/hooks", self._list),
            ("POST", "/api/hooks", self._create),
            ("*", "/api/hooks/{id}", self._one),
            ("POST", "/api/hooks/{id}/rotate-secret", self._rotate),
            ("POST", "/api/filters/try", self._try_filter),
            ("GET", "/api/hooks/{id}/test", self._sample),
            ("POST", "/api/hooks/{id}/test", self._test),
            ("GET", "/api/hooks/{id}/stats", self._stats),
            ("GET", "/api/hooks/{id}/requests", self._of(lambda: self.attempts)),
            ("GET", "/api/hooks/{id}/pending", self._of(lambda: self.pending)),
            ("POST", "/api/hooks/{id}/pending/{call}/retry", self._retry),
            ("DELETE", "/api/hooks/{id}/pending/{call}", self._drop),
            ("GET", "/api/hooks/{id}/missed", self._of(lambda: self.missed)),
            ("POST", "/api/hooks/{id}/replay", self._replay),
            ("DELETE", "/api/hooks/{id}/replay/{replay}", self._stop_replay),
            ("GET", "/api/attempts", self._search),
            ("POST", "/api/hooks/{id}/requests/{webhook_id}/resend", self._resend),
            ("GET", "/api/dead-letters", self._letters),
            ("GET", "/api/dead-letters/{letter}", self._letter),
            ("POST", "/api/dead-letters/redrive", self._redrive),
            ("POST", "/api/dead-letters/drop", self._drop_letters),
            *(route for some in (self.task_calls, self.messages) for route in some.routes()),
            ("GET", "/api/explain", self._explain),
            ("GET", "/api/overview", self._overview),
        ):
            app.router.add_route(method, path, handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self._started.set()
        await self._end.wait()
        await runner.cleanup()

    @web.middleware
    async def _check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            self.log.append((request.method, request.path_qs, await request.json() if request.body_exists else None))
            self.bodies.append(await request.read())
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                return web.json_response({"detail": "a valid token is required"}, status=401)
            if self.failing:
                return web.json_response({"detail": "the partition is moving"}, status=self.failing)
            if self.older and any(part in request.path for part in NEWER):
                raise web.HTTPNotFound
        return await handler(request)

    def _hook(self, request: web.Request) -> JSON:
        found = self.hooks.get(request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound(reason="hook not found")
        return found

    @staticmethod
    def _page(handler: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            return await handler(None, request)

        return answer

    def _of(self, what: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            self._hook(request)
            found = what()
            total = {"X-Total-Count": str(len(found))} if isinstance(found, list) else {}
            return web.json_response(found, headers=total)

        return answer

    async def _list(self, request: web.Request) -> web.Response:
        given = request.query
        limit, begin = int(given.get("limit", 100)), int(given.get("cursor", "0"))
        fits = [
            one
            for one in self.hooks.values()
            if given.get("q", "").lower() in f"{one['url']}{one['id']}{one['name']}".lower()
            and given.get("state") in (None, one["status"], one["trouble"])
            and given.get("organization_id") in (None, one["organization_id"])
            and given.get("app_id") in (None, one["app_id"])
            and given.get("project_id") in (None, *one["project_ids"])
        ]
        fits.sort(key=place_of_shown if given.get("sort") == "trouble" else lambda one: one["id"])
        rest = fits[begin:]
        cursor = str(begin + limit) if len(rest) > limit else None
        body = {"hooks": rest[:limit], "next_cursor": cursor}
        return web.json_response(body, headers={"X-Total-Count": str(len(fits))})

    async def _create(self, request: web.Request) -> web.Response:
        fields = await request.json()
        if not fields.get("url", "").startswith("http"):
            return web.json_response({"url": "must be http or https", "events": "must not be empty"}, status=400)
        made = hook(len(self.hooks) + 1, **fields)
        self.hooks[made["id"]] = made
        return web.json_response({**made, "secret": "whsec_shown-once"}, status=201)

    async def _one(self, request: web.Request) -> web.Response:
        found = self._hook(request)
        if request.method == "DELETE":
            del self.hooks[found["id"]]
            return web.Response(status=204)
        if request.method == "PUT":
            changes = await request.json()
            changes.pop("resume", None)
            found.update(changes)
        return web.json_response(found)

    async def _rotate(self, request: web.Request) -> web.Response:
        return web.json_response({**self._hook(request), "secret": "whsec_rotated"})

    async def _test(self, request: web.Request) -> web.Response:
        self._hook(request)
        return web.json_response(
            {
                "event": "event.created", "webhook_id": "msg_test", "outcome": "failed", "status": 500, "error": None,
                "duration_ms": 12.3, "url": "http://e.test/in",
                "request_headers": [{"name": "X-Key", "value": "********"}],
                "request": '{"sent":1}', "response": EVIL,
                "response_headers": [{"name": "X-\u202eA", "value": EVIL}, {"name": "Set-Cookie", "value": "b\u2028c"}],
            }
        )  # fmt: skip

    async def _try_filter(self, request: web.Request) -> web.Response:
        if self.tried is None:
            return web.json_response({"filter": "position 21: mismatched input 'the end'"}, status=400)
        return web.json_response(self.tried)

    async def _sample(self, request: web.Request) -> web.Response:
        events = self._hook(request)["events"]
        event = request.query.get("event", events[0])
        return web.json_response({"event": event, "events": events, "body": {"sample of": event}})

    async def _stats(self, request: web.Request) -> web.Response:
        given = request.query
        step = {"10s": 10, "1h": 3600, "1d": 86_400}[given["resolution"]]
        last, span = int(given["until"]), int(given["until"]) - int(given["since"])
        starts = [(last - step * back) // step * step for back in range(span // step, -1, -1)]

        def total(start: int) -> int:
            fired = (start // step * 7919) % 23 + 4 * (step > 10) * ((start // step) % 11)
            failed = fired // 3 if (start // step) % 9 < 3 else 0
            return {"fired": fired, "failed": failed, "delivered": fired - failed}[given["outcome"]]

        return web.json_response([{"ts": start, "total": total(start)} for start in starts])

    async def _retry(self, request: web.Request) -> web.Response:
        return web.json_response({"webhook_id": request.match_info["call"]}, status=202)

    async def _drop(self, request: web.Request) -> web.Response:
        self.pending = [one for one in self.pending if one["webhook_id"] != request.match_info["call"]]
        return web.Response(status=204)

    async def _replay(self, request: web.Request) -> web.Response:
        if (await request.json()).get("dry_run"):
            return web.json_response({"records": 1200, "matches": self.matches})
        stretch = {"id": "r1", "why": "replay", "topic": "events", "partition": 0, "next": 0, "end": 9, "sending": True}
        self.missed = {**self.missed, "records": 1200, "sending": True, "stretches": [stretch]}
        return web.json_response({"replay": "r1", "records": 1200}, status=202)

    async def _stop_replay(self, request: web.Request) -> web.Response:
        self.missed = {**self.missed, "records": 0, "sending": False, "stretches": []}
        return web.Response(status=204)

    async def _search(self, request: web.Request) -> web.Response:
        """Answer with a page of three; `slow` waits until nobody waits for it."""
        given = request.query
        if self.slow:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        fits = [
            {"hook_id": f"{1:032x}", **one}
            for one in self.attempts
            if given.get("webhook_id") in (None, one["webhook_id"])
            and given.get("outcome") in (None, one["outcome"])
            and given.get("status") in (None, str(one["status"]))
        ]
        start = int(given.get("cursor", "0:0").split(":")[1])
        page = fits[start : start + min(3, int(given["limit"]))]
        cursor = f"0:{start + 3}" if start + 3 < len(fits) else None
        return web.json_response({"attempts": page, "next_cursor": cursor, "looked_back_to": iso(time.time() - 90_000)})

    async def _resend(self, request: web.Request) -> web.Response:
        source = (await request.json())["source"]
        if source.endswith(":1199"):
            text = f"Kafka no longer has the record {source}: its request can't be sent again"
            return web.json_response({"detail": text}, status=404)
        webhook_id = request.match_info["webhook_id"]
        return web.json_response({"call_id": "c", "webhook_id": webhook_id, "source": source}, status=202)

    async def _letters(self, request: web.Request) -> web.Response:
        found = [
            one
            for one in self.letters
            if request.query.get("hook_id") in (None, one["hook_id"])
            and request.query.get("kind") in (None, "delivery" if one["hook_id"] else "task")
            and request.query.get("reason", "") in one["reason"]
            and request.query.get("state", "open") in (one["state"], "all")
        ]
        return web.json_response({"dead_letters": found, "next_cursor": None})

    async def _letter(self, request: web.Request) -> web.Response:
        found = next(one for one in self.letters if one["letter"] == request.match_info["letter"])
        return web.json_response({**found, "task": {"task": "send", "args": [EVIL]}})

    async def _redrive(self, request: web.Request) -> web.Response:
        dry = bool((await request.json()).get("dry_run"))
        return web.json_response({"redriven": 2, "skipped": 1}, status=200 if dry else 202)

    async def _drop_letters(self, request: web.Request) -> web.Response:
        fields = await request.json()
        if not fields.get("dry_run"):
            self.letters = [one for one in self.letters if one["letter"] not in fields.get("letters", ())]
        return web.json_response({"dropped": len(fields.get("letters", ())) or 2, "skipped": 0})

    async def _explain(self, request: web.Request) -> web.Response:
        if self.explained is None:
            return web.json_response({"detail": "the record is no longer there: retention"}, status=404)
        return web.json_response(self.explained)

    async def _overview(self, _request: web.Request) -> web.Response:
        active = sum(one["status"] == "active" for one in self.hooks.values())
        failing = sum(one["failing_since"] is not None for one in self.hooks.values())
        return web.json_response(
            {
                "hooks": len(self.hooks), "active": active, "disabled": len(self.hooks) - active, "failing": failing,
                "breakers_open": 1, "pending": len(self.pending), "oldest_undelivered_seconds": 421.5,
                "defaults": self.defaults,
                "workers": [self.base],
            }
        )  # fmt: skip
