"""Add every view to a Faust app, with `register`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import faust
from aiohttp import web
from faust.web import View
from faust.web.base import BlueprintManager

from streamhooks.web import page
from streamhooks.web.http.middlewares import application_options
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.routing import FORWARDER, Forwarder, Handler
from streamhooks.web.spec.calls import CALLS, Call
from streamhooks.web.views import attempts, filters, hooks, past, resending, sending, service, tasks, testing, traffic

__all__ = ["application_options", "register"]

HANDLERS: Mapping[str, Handler] = {
    "index": page.index,
    "asset": page.asset,
    "openapi": service.openapi,
    "live": service.live,
    "ready": service.ready,
    "metrics": service.metrics,
    "list_hooks": hooks.list_hooks,
    "create_hook": hooks.create_hook,
    "get_hook": hooks.get_hook,
    "change_hook": hooks.change_hook,
    "delete_hook": hooks.delete_hook,
    "rotate_secret": hooks.rotate_secret,
    "get_test": testing.get_test,
    "send_test": testing.send_test,
    "get_stats": traffic.get_stats,
    "list_requests": traffic.list_requests,
    "list_pending": traffic.list_pending,
    "retry_pending": traffic.retry_pending,
    "drop_pending": traffic.drop_pending,
    "list_tasks": tasks.list_tasks,
    "get_task_call": tasks.get_task_call,
    "run_task_call": tasks.run_task_call,
    "drop_task_call": tasks.drop_task_call,
    "get_overview": service.overview,
    "get_missed": resending.get_missed,
    "begin_replay": resending.begin_replay,
    "stop_replay": resending.stop_replay,
    "search_attempts": attempts.search_attempts,
    "resend_request": attempts.resend_request,
    "send_messages": sending.send_messages,
    "try_filter": filters.try_filter,
    "get_explanation": past.get_explanation,
    "list_dead_letters": past.list_dead_letters,
    "get_dead_letter": past.get_dead_letter,
    "redrive_dead_letters": past.redrive_dead_letters,
    "drop_dead_letters": past.drop_dead_letters,
}

#: the topic whose partition decides which worker answers
OWNED_BY: Mapping[str, str] = {
    "get_stats": "firings",
    "list_requests": "firings",
    "list_pending": "delayed",
    "retry_pending": "delayed",
    "drop_pending": "delayed",
    "stop_replay": "delayed",
}

#: changes of an existing hook, made by its owner
BY_HOOK_OWNER = frozenset({"change_hook", "delete_hook", "rotate_secret"})

#: calls that end when their caller hangs up, besides reading ones: they begin with a long search, or only send a test
ENDS_WITH_CALLER = frozenset({"send_test", "try_filter", "begin_replay", "redrive_dead_letters", "drop_dead_letters"})

#: with this pattern, `/api/dead-letters/redrive` is not taken for a letter when its method is wrong
_LETTER = "{letter:[^/]*:[^/]*}"

Method = Callable[..., Any]


def register(app: faust.App, parts: Callable[[], Parts]) -> None:
    """Add all views to the app, before it starts; `parts` is called at each request, when the app runs.

    Faust's own views are not served: they would show tables, settings and the graph of the app.
    """
    app.web.blueprints = BlueprintManager()
    forwarder, changes = Forwarder(), Changes()
    app.web.web_app[FORWARDER] = forwarder

    async def close(_: web.Application) -> None:
        await forwarder.close()

    app.web.web_app.on_cleanup.append(close)
    methods: dict[str, dict[str, Method]] = defaultdict(dict)
    for call in CALLS:
        methods[call.path][call.method] = _method(call, parts, forwarder, changes)
    for path, of_path in methods.items():
        app.page(path.replace("{letter}", _LETTER), name=path)(_view(of_path))


def _method(call: Call, parts: Callable[[], Parts], forwarder: Forwarder, changes: Changes) -> Method:
    handle, topic = HANDLERS[call.name], OWNED_BY.get(call.name)
    ends = call.method == "get" or call.name in ENDS_WITH_CALLER

    async def answered(request: web.Request) -> web.Response:
        known = parts()
        if call.name in BY_HOOK_OWNER:
            return await forwarder.by_hook_owner(known, request, handle)
        if topic is None:
            return await handle(known, request)
        return await forwarder.by_owner(known, request, getattr(known.topics, topic), handle)

    async def method(_view: View, request: web.Request, **_: str) -> web.Response:
        if ends:
            return await answered(request)
        return await changes.to_their_end(answered(request))

    return method


class Changes:
    """The running changes. Each is finished even if its caller hangs up: half a change would be worse."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[web.Response]] = set()

    async def to_their_end(self, change: Coroutine[Any, Any, web.Response]) -> web.Response:
        """Finish a change, and return its answer."""
        task = asyncio.create_task(change)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[web.Response]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # a waiting caller gets it; without this, asyncio would log it


def _view(methods: Mapping[str, Method]) -> type[View]:
    names = {name.upper() for name in methods} | ({"HEAD"} if "get" in methods else set())
    # Faust adds HEAD to every view, even without a GET.
    return type("ApiView", (View,), {**methods, "get_methods": lambda _self: names})
