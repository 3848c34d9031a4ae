"""A receiver of webhooks that verifies, remembers, and misbehaves on request (see `behaviour`).

`python -m streamhooks.dev.receiver --port N [--secret [HOOK=]SECRET …]`. A hook's URL may have any path except these:

`GET /_requests?path=&since=`  the received requests, oldest first: `webhook_id` (also as `id`), `time`, `path`,
                               `query`, `headers`, `body`, `status` (null: not answered), `verified` (null: no
                               secret is known, or nothing is signed) and `signatures`
`DELETE /_requests`            forget them, and the counts
`GET /_count?path=`            `requests`, `ids` (distinct webhook-ids), `unverified`
`PUT /_behaviour/{path}`       the behaviour of that path; the query of a URL takes precedence
`PUT /_secrets`                `{hook id or path: secret or [secrets]}`, added to those known; `*` means any other hook

A request of an unknown hook is verified by the secret of its path (`/orders`), else of `*`. So are those of message
hooks, which don't name their hook.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import socket
import struct
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from streamhooks.dev.behaviour import GOOD, Behaviour, from_fields, from_query
from streamhooks.dev.verification import hook_id, verify

_LARGEST_BODY = 64 * 1024 * 1024
_CHUNK = b"x" * 65536


@dataclass
class Received:
    """A received request; the fields are those of `GET /_requests`."""

    id: str
    time: float
    path: str
    query: str
    headers: Mapping[str, str]
    body: str | None
    status: int | None
    verified: bool | None
    signatures: dict[str, bool]

    def to_fields(self) -> dict[str, Any]:
        """Return the fields for JSON, with header names in lower case."""
        headers = {name.lower(): text for name, text in self.headers.items()}
        return {"webhook_id": self.id, **vars(self), "headers": headers}


@dataclass
class _Memory:
    """The state of a receiver; the requests are bounded, the counts are exact."""

    requests: deque[Received]
    secrets: dict[str, list[str]] = field(default_factory=dict)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    seen: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    unverified: Counter[str] = field(default_factory=Counter)
    changed: dict[str, asyncio.Event] = field(default_factory=dict)
    """By path, what is set when its behaviour is changed."""

    def learn(self, given: Mapping[str, str | Sequence[str]]) -> None:
        """Add secrets by hook id or path."""
        for hook, known in given.items():
            self.secrets[hook] = [known] if isinstance(known, str) else [*known]

    def secrets_of(self, hook: str | None, path: str) -> list[str]:
        """Return the secrets of a hook's id, else of a path, else of any other hook."""
        return next((self.secrets[one] for one in (hook, path, "*") if one in self.secrets), [])


_MEMORY = web.AppKey("memory", _Memory)


def create_receiver(
    secrets: Mapping[str, str | Sequence[str]] | None = None,
    keep: int = 10_000,
    bodies: bool = True,
    clock: Callable[[], float] = time.time,
    *,
    behaviour: Behaviour = GOOD,
    on_request: Callable[[Received], None] = lambda _received: None,
) -> web.Application:
    """Return the receiver's application.

    secrets -- hook id or path to its secret or secrets; `*` is any other hook.
    keep -- the number of requests to remember.
    bodies -- whether to remember their bodies.
    clock -- epoch seconds.
    behaviour -- the default behaviour.
    on_request -- called with each request before it is answered.
    """
    memory = _Memory(deque(maxlen=keep))
    memory.learn(secrets or {})

    async def receive(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path, query, headers = request.path, request.query_string, request.headers
        identifier = headers.get("webhook-id", "")
        seen = memory.seen[path]
        seen[identifier] += 1
        try:
            chosen = from_query(query) if query else GOOD
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        wanted = memory.behaviours.get(path, behaviour) if chosen == GOOD else chosen
        bad = wanted != GOOD and wanted.misbehaves(identifier, seen[identifier])
        status = wanted.answer() if bad else 200
        now = clock()
        signatures: dict[str, bool] = {}
        if memory.secrets and (known := memory.secrets_of(hook_id(headers, body), path)):
            signatures = verify(headers, body, known, now)
        verified = all(signatures.values()) if signatures else None
        if verified is False:
            memory.unverified[path] += 1
        text = body.decode(errors="replace") if bodies else None
        received = Received(identifier, now, path, query, headers, text, status, verified, signatures)
        memory.requests.append(received)
        on_request(received)
        return await _answer(request, wanted, status) if bad else web.Response()

    app = web.Application(client_max_size=_LARGEST_BODY)
    app[_MEMORY] = memory
    app.router.add_get("/_requests", _requests)
    app.router.add_delete("/_requests", _forget)
    app.router.add_get("/_count", _count)
    app.router.add_put("/_behaviour/{path:.*}", _behave)
    app.router.add_put("/_secrets", _learn_secrets)
    app.router.add_route("*", "/{path:.*}", receive)
    return app


async def _answer(request: web.Request, behaviour: Behaviour, status: int | None) -> web.StreamResponse:
    if behaviour.delay:
        changed = request.app[_MEMORY].changed.setdefault(request.path, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), behaviour.delay)
    if status is None:
        return await _no_answer(request, behaviour)
    response: web.StreamResponse
    if not (behaviour.drip or behaviour.big):
        response = web.Response(status=status)
        if behaviour.redirect:
            response.headers["Location"] = behaviour.redirect
        if behaviour.retry_after is not None:
            response.headers["Retry-After"] = behaviour.retry_after
        return response
    response = web.StreamResponse(status=status)
    await response.prepare(request)
    if behaviour.drip:
        while True:  # until the other side leaves
            await response.write(b"x")
            await asyncio.sleep(behaviour.drip)
    for start in range(0, behaviour.big, len(_CHUNK)):
        await response.write(_CHUNK[: behaviour.big - start])
    return response


async def _no_answer(request: web.Request, behaviour: Behaviour) -> web.StreamResponse:
    transport = request.transport
    if behaviour.hang:
        await asyncio.Event().wait()  # until the other side leaves, which cancels us
    elif transport and behaviour.reset:
        # Lingering for zero seconds turns the close into a RST.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    elif transport:
        transport.write(b"\x00\xffthis is not HTTP\r\n\r\n")
        transport.close()
    return web.Response()  # to nobody


async def _requests(request: web.Request) -> web.Response:
    path, since = request.query.get("path"), float(request.query.get("since", 0))
    found = [one.to_fields() for one in request.app[_MEMORY].requests if one.time >= since and path in (None, one.path)]
    return _json(found)


async def _forget(request: web.Request) -> web.Response:
    memory = request.app[_MEMORY]
    for part in (memory.requests, memory.seen, memory.unverified):
        part.clear()
    return web.Response(status=204)


async def _count(request: web.Request) -> web.Response:
    memory, path = request.app[_MEMORY], request.query.get("path")
    counters = [memory.seen[path] if path in memory.seen else Counter()] if path else memory.seen.values()
    return _json(
        {
            "requests": sum(counter.total() for counter in counters),
            "ids": sum(len(counter) - ("" in counter) for counter in counters),
            "unverified": memory.unverified[path] if path else memory.unverified.total(),
        }
    )


async def _behave(request: web.Request) -> web.Response:
    try:
        behaviour = from_fields(orjson.loads(await request.read()))
    except ValueError as error:
        return web.Response(status=400, text=str(error))
    memory, path = request.app[_MEMORY], "/" + request.match_info["path"]
    memory.behaviours[path] = behaviour
    if (changed := memory.changed.pop(path, None)) is not None:
        changed.set()
    return web.Response(status=204)


async def _learn_secrets(request: web.Request) -> web.Response:
    request.app[_MEMORY].learn(orjson.loads(await request.read()))
    return web.Response(status=204)


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


async def serve(app: web.Application, port: int, host: str = "127.0.0.1") -> web.AppRunner:
    """Serve a receiver and return its runner, whose `cleanup()` stops it without waiting for hanging requests."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def secrets_of(given: Iterable[str]) -> dict[str, list[str]]:
    """Return the secrets of a command line in the form for `create_receiver`."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for hook, secret in map(_hook_and_secret, given):
        found[hook].append(secret)
    return found


def _hook_and_secret(text: str) -> tuple[str, str]:
    """Split `HOOK=SECRET`. A secret may contain `=` as well, so the first part must be a hook's id."""
    found = re.fullmatch(r"([0-9a-f]{32}|[0-9a-f-]{36})=(.+)", text)
    return (found[1], found[2]) if found else ("*", text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a receiver of webhooks until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m streamhooks.dev.receiver", description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--secret", action="append", default=[], metavar="[HOOK=]SECRET")
    parser.add_argument("--keep", type=int, default=10_000, help="number of requests to remember")
    parser.add_argument("--no-bodies", action="store_true", help="don't remember bodies")
    options = parser.parse_args(arguments)
    secrets = secrets_of(options.secret)
    app = create_receiver(secrets, options.keep, not options.no_bodies)
    web.run_app(
        app,
        host=options.host,
        port=options.port,
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=0.1,
    )


if __name__ == "__main__":
    main()
