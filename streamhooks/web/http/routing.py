"""A call that reached the wrong worker: it is handed on to the owner of the partition, once, signed, without a token.

Whoever is in the group, and so may own partitions, gets the calls that belong to them, and can answer them as it likes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

from streamhooks.errors import BrokenRecord
from streamhooks.masking import shown
from streamhooks.records.packing import parse_json
from streamhooks.web.http.access import FORWARDED, IS_FORWARDED, SCOPE, handed
from streamhooks.web.http.found import found_hook
from streamhooks.web.http.messages import hook_id_of, read_body
from streamhooks.web.http.parts import Parts
from streamhooks.web.http.problems import CONFIRMED_WITHIN, ProblemError, try_again
from streamhooks.web.http.representation import shown_call
from streamhooks.web.http.signing import Handed, Scope, Signer
from streamhooks.web.http.tls import client_context

log = logging.getLogger(__name__)

Handler = Callable[[Parts, web.Request], Awaitable[web.Response]]

TIMEOUT: Final = aiohttp.ClientTimeout(total=10, connect=2)
#: more than any answer of a worker
MAX_ANSWER: Final = 16_000_000

#: what a home tells another worker: the offsets that it had reached when it answered, see `HookWriter.reached`
REACHED: Final = "X-Streamhooks-Reached"

_BACK = ("Retry-After", "X-Total-Count", "ETag")
_MOVING = "the partition of this hook is moving to another worker"


class Unanswered(Exception):
    """The owner of a partition gave no answer that can be handed back; `was_sent` if it may have got the call."""

    def __init__(self, *, was_sent: bool) -> None:
        super().__init__()
        self.was_sent = was_sent


class Forwarder:
    """Answers calls on this worker or on the owner's; closed by `close()`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._signer: Signer | None = None

    async def by_owner(self, parts: Parts, request: web.Request, topic: str, handle: Handler) -> web.Response:
        """Answer a call that belongs to the owner of the hook's partition of `topic`.

        Raise ProblemError: 404 for an unknown hook, 503 while nobody can answer.
        """
        hook_id = hook_id_of(request)
        if not _is_forwarded(request):  # else the first worker has looked: it may have known it earlier than this one
            await found_hook(parts, hook_id)
        partition = parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            if not parts.is_whole(topic, partition):
                raise try_again(_MOVING)
            return await handle(parts, request)
        found, answer = await self._hand_on(parts, request, topic, partition)
        return _handed_back(found, answer)

    async def at_home(self, parts: Parts, request: web.Request, handle: Handler) -> web.Response:
        """Answer a change of a hook, which its home makes, when this worker knows what the home knew then.

        Raise ProblemError with 503 while nobody can make it, or if it is not known what became of it.
        """
        hook_id = hook_id_of(request)
        topic, partition = parts.topics.delayed, parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            return await _made(parts, request, hook_id, handle)
        found, answer = await self._hand_on(parts, request, topic, partition)
        reached = found.headers.get(REACHED, "")
        try:
            if reached:
                async with asyncio.timeout(CONFIRMED_WITHIN):
                    await parts.hook_writer.wait_read(map(int, reached.split(",")), hook_id)
        except (TimeoutError, ValueError):
            if found.status < 400:
                text = "the change is made, and this worker does not know it yet"
                raise try_again(text, maybe_applied=True) from None
        return _handed_back(found, answer)

    async def _hand_on(
        self, parts: Parts, request: web.Request, topic: str, partition: int
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Return the owner's answer and its body; raise ProblemError with 503 without one."""
        owner = None if _is_forwarded(request) else parts.owner_of(topic, partition)
        if owner is None:
            raise try_again(_MOVING)
        body = await read_body(request) if request.body_exists else b""
        try:
            return await self._ask(parts, handed(owner, request), _scope(request), body)
        except Unanswered as unanswered:
            maybe = unanswered.was_sent and request.method not in ("GET", "HEAD")
            text = "the worker that owns the partition of this hook does not answer"
            raise try_again(text, maybe_applied=maybe) from None

    async def pending_of(self, parts: Parts, request: web.Request, hook_id: str) -> list[dict[str, Any]]:
        """The pending calls of a hook as they are shown, from whoever has them; `request` is the caller's.

        None is known while partitions move.
        """
        topic, partition = parts.topics.delayed, parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            if not parts.is_whole(topic, partition):
                return []
            return [shown_call(entry) for entry in parts.pending.of_hook(partition, hook_id)]
        owner = parts.owner_of(topic, partition)
        if owner is None:
            return []
        call = Handed(str(URL(owner).origin()), "GET", f"/api/hooks/{hook_id}/pending", "limit=500", "")
        try:
            found, answer = await self._ask(parts, call, _scope(request), b"")
            return list(parse_json(answer)) if found.status == 200 else []
        except (Unanswered, BrokenRecord, TypeError):
            return []

    async def _ask(self, parts: Parts, call: Handed, scope: Scope, body: bytes) -> tuple[aiohttp.ClientResponse, bytes]:
        """Call another worker; return its answer and the body.

        Raises:
            Unanswered: it does not answer, or does not take calls of ours; the log has why.

        """
        base = URL(call.target)
        if base.scheme != URL(parts.settings.advertised_url).scheme:
            log.warning(
                "the owner of a partition, %s, is called with TLS or without as this worker is", shown(base.authority)
            )
            raise Unanswered(was_sent=False)
        # From the caller come the path and the query alone, as they were written; never a host.
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
            # Not the error itself: it may hold the request.
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
                raise ValueError("no status of ours")
            if found.status == 401:
                text = "the owner of a partition, %s, does not take our signature: its keys or its clock differ"
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
        """Close the connections; may be called again."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a call once.

    aiohttp sends a PUT or DELETE again whose connection broke. If it is refused then, nobody knows of the first one.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from None


async def _made(parts: Parts, request: web.Request, hook_id: str, handle: Handler) -> web.Response:
    """Make a change here; another worker that has handed it on is told what was known then, whatever came of it."""
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


def _handed_back(found: aiohttp.ClientResponse, answer: bytes) -> web.Response:
    headers = {name: found.headers[name] for name in _BACK if name in found.headers}
    if answer:  # it is JSON, whatever the other calls it: a browser must not take it for a page
        headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(body=answer, status=found.status, headers=headers)


def _is_forwarded(request: web.Request) -> bool:
    return bool(request.get(IS_FORWARDED, False))


def _scope(request: web.Request) -> Scope:
    return "write" if request[SCOPE] == "write" else "read"


FORWARDER: Final = web.AppKey("forwarder", Forwarder)
"""Where the application has its forwarder."""
