"""Forward a call that reached the wrong worker to the owner of the partition: once, signed, without a token.

Every member of the consumer group may own partitions. It gets their calls, and its answers are trusted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

from streamhooks.errors import BrokenRecord
from streamhooks.masking import shown
from streamhooks.records.packing import parse_json
from streamhooks.web.http.access import FORWARDED, IS_FORWARDED, SCOPE, forwarded_call
from streamhooks.web.http.found import found_hook
from streamhooks.web.http.messages import hook_id_of, read_body
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import CONFIRMED_WITHIN, ProblemError, try_again
from streamhooks.web.http.representation import shown_call
from streamhooks.web.http.signing import ForwardedCall, Scope, Signer
from streamhooks.web.http.tls import client_context

log = logging.getLogger(__name__)

Handler = Callable[[Parts, web.Request], Awaitable[web.Response]]

TIMEOUT: Final = aiohttp.ClientTimeout(total=10, connect=2)
#: bytes; more than any answer of a worker
MAX_ANSWER: Final = 16_000_000

#: the header in which an owner reports the offsets that it had read when it answered, see `HookWriter.reached`
REACHED: Final = "X-Streamhooks-Reached"

#: the header in which a worker names the partitions for which it has answered, see `everywhere.py`
COVERED: Final = "X-Streamhooks-Covered"

_BACK = ("Retry-After", "X-Total-Count", "ETag", COVERED)
_MOVING = "the partition of this hook is moving to another worker"


class Unanswered(Exception):
    """The owner of a partition gave no usable answer; `was_sent` is whether it may have got the call."""

    def __init__(self, *, was_sent: bool) -> None:
        super().__init__()
        self.was_sent = was_sent


class Forwarder:
    """Answers calls on this worker, or forwards them to the owner; `close()` closes its connections."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._signer: Signer | None = None

    async def by_owner(self, parts: Parts, request: web.Request, topic: str, handle: Handler) -> web.Response:
        """Answer a call that belongs to the owner of the hook's partition of `topic`.

        Raise ProblemError: 404 for an unknown hook, 503 while no worker can answer.
        """
        hook_id = hook_id_of(request)
        if not _is_forwarded(request):  # else the first worker has checked: it may know the hook before this one does
            await found_hook(parts, hook_id)
        partition = parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            if not parts.is_whole(topic, partition):
                raise try_again(_MOVING)
            return await handle(parts, request)
        found, answer = await self._forward(parts, request, topic, partition)
        return _relayed(found, answer)

    async def by_hook_owner(self, parts: Parts, request: web.Request, handle: Handler) -> web.Response:
        """Have the owner of a hook change it; answer when this worker has read as far as the owner had then.

        Raise ProblemError with 503 while no worker can change it, or if the result is unknown.
        """
        hook_id = hook_id_of(request)
        topic, partition = parts.topics.delayed, parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            return await _made(parts, request, hook_id, handle)
        found, answer = await self._forward(parts, request, topic, partition)
        reached = found.headers.get(REACHED, "")
        try:
            if reached:
                async with asyncio.timeout(CONFIRMED_WITHIN):
                    await parts.hook_writer.wait_read(map(int, reached.split(",")), hook_id)
        except (TimeoutError, ValueError):
            if found.status < 400:
                text = "the change was made, but this worker does not know it yet"
                raise try_again(text, maybe_applied=True) from None
        return _relayed(found, answer)

    async def _forward(
        self, parts: Parts, request: web.Request, topic: str, partition: int
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Return the owner's answer and its body; raise ProblemError with 503 if there is none."""
        owner = None if _is_forwarded(request) else parts.owner_of(topic, partition)
        if owner is None:
            raise try_again(_MOVING)
        body = await read_body(request) if request.body_exists else b""
        try:
            return await self._ask(parts, forwarded_call(owner, request), _scope(request), body)
        except Unanswered as unanswered:
            maybe = unanswered.was_sent and request.method not in ("GET", "HEAD")
            text = "the worker that owns the partition of this hook does not answer"
            raise try_again(text, maybe_applied=maybe) from None

    async def ask_owner(self, parts: Parts, request: web.Request, owner: str, body: bytes) -> web.Response:
        """Forward a call to an owner, and return its answer, which may be a problem; raise Unanswered without one."""
        call = forwarded_call(owner, request)
        if call.method == "HEAD":
            call = replace(call, method="GET")  # several answers are read, to make one of them
        found, answer = await self._ask(parts, call, _scope(request), body)
        return _relayed(found, answer)

    async def pending_of(self, parts: Parts, request: web.Request, hook_id: str) -> list[dict[str, Any]]:
        """Return the pending calls of a hook in the API's form, from their owner; `request` is the caller's.

        Return none while their partition moves, or if the owner does not answer.
        """
        topic, partition = parts.topics.delayed, parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            if not parts.is_whole(topic, partition):
                return []
            return [shown_call(entry) for entry in parts.pending.of_hook(partition, hook_id)]
        owner = parts.owner_of(topic, partition)
        if owner is None:
            return []
        call = ForwardedCall(str(URL(owner).origin()), "GET", f"/api/hooks/{hook_id}/pending", "limit=500", "")
        try:
            found, answer = await self._ask(parts, call, _scope(request), b"")
            return list(parse_json(answer)) if found.status == 200 else []
        except (Unanswered, BrokenRecord, TypeError):
            return []

    async def _ask(
        self, parts: Parts, call: ForwardedCall, scope: Scope, body: bytes
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Call another worker; return its answer and the body.

        Raise Unanswered, and log the reason, if it does not answer or rejects the signature.
        """
        base = URL(call.target)
        if base.scheme != URL(parts.settings.advertised_url).scheme:
            log.warning(
                "the owner of a partition, %s, was not called: TLS must be on or off for all workers",
                shown(base.authority),
            )
            raise Unanswered(was_sent=False)
        # Only the path and the query come from the caller, unchanged; the host never does.
        url = URL.build(
            scheme=base.scheme,
            host=base.raw_host or "",
            port=base.port,
            path=call.path,
            query_string=call.query,
            encoded=True,
        )
        headers = {"Content-Type": call.content_type} if call.content_type else {}
        if call.if_match:
            headers["If-Match"] = call.if_match
        headers[FORWARDED] = self._open(parts).signed(call, scope, body)
        try:
            return await self._exchange(call.method, url, headers, body)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            # Not the error itself: it may contain the request.
            log.warning(
                "the owner of a partition, %s, does not answer: %s", shown(base.authority), type(error).__name__
            )
            never_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            raise Unanswered(was_sent=not never_sent) from None

    async def _exchange(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        assert self._session is not None
        async with self._session.request(
            method,
            url,
            headers=headers,
            data=body or None,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
            timeout=TIMEOUT,
        ) as found:
            answer = b""
            async for chunk in found.content.iter_chunked(65_536):
                answer += chunk
                if len(answer) > MAX_ANSWER:
                    raise ValueError("the answer is too large")
            if not 200 <= found.status < 600:
                raise ValueError("no status of a worker")
            if found.status == 401:
                text = "the owner of a partition, %s, rejects our signature: its keys or its clock differ"
                log.warning(text, shown(url.authority))
                raise Unanswered(was_sent=False)
            return found, answer

    def _open(self, parts: Parts) -> Signer:
        if self._session is None or self._signer is None:
            self._signer = Signer(parts.settings, parts.clock)
            connector = aiohttp.TCPConnector(ssl=client_context(parts.settings.web_tls_ca))
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), connector=connector, middlewares=(_once,)
            )
        return self._signer

    async def close(self) -> None:
        """Close the connections. Calling it again is fine."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a call only once.

    aiohttp repeats a PUT or DELETE whose connection broke. If the second is refused, nobody learns of the first.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from None


async def _made(parts: Parts, request: web.Request, hook_id: str, handle: Handler) -> web.Response:
    """Make a change here. If another worker forwarded it, report what this worker has read, even after a problem."""
    if not _is_forwarded(request):
        return await handle(parts, request)
    try:
        response = await handle(parts, request)
    except ProblemError as problem:
        raise ProblemError(problem.status, problem.body, {**problem.headers, **_reached(parts, hook_id)}) from None
    response.headers.update(_reached(parts, hook_id))
    return response


def _reached(parts: Parts, hook_id: str) -> dict[str, str]:
    return {REACHED: ",".join(map(str, parts.hook_writer.reached(hook_id)))}


def _relayed(found: aiohttp.ClientResponse, answer: bytes) -> web.Response:
    headers = {name: found.headers[name] for name in _BACK if name in found.headers}
    if answer:  # JSON, whatever the other worker calls it: a browser must not take it for a page
        headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(body=answer, status=found.status, headers=headers)


def _is_forwarded(request: web.Request) -> bool:
    return bool(request.get(IS_FORWARDED, False))


def _scope(request: web.Request) -> Scope:
    return "write" if request[SCOPE] == "write" else "read"


FORWARDER: Final = web.AppKey("forwarder", Forwarder)
"""The key of the application's forwarder."""
