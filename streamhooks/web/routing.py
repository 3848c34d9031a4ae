"""A call that reached the wrong worker: it is handed on to the owner of the partition, once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
from aiohttp import web
from yarl import URL

from streamhooks.masking import shown
from streamhooks.web.hooks import known_hook
from streamhooks.web.messages import hook_id_of, read_body
from streamhooks.web.parts import Parts
from streamhooks.web.problems import try_again
from streamhooks.web.representation import shown_call

log = logging.getLogger(__name__)

Handler = Callable[[Parts, web.Request], Awaitable[web.Response]]

#: marks a call that another worker has handed on: it is not handed on again
FORWARDED: Final = "X-Streamhooks-Forwarded"
TIMEOUT: Final = aiohttp.ClientTimeout(total=10, connect=2)

_THERE = ("Authorization", "Content-Type")
_BACK = ("Retry-After", "WWW-Authenticate", "X-Total-Count")
_MOVING = "the partition of this hook is moving to another worker"


class Forwarder:
    """Answers calls on this worker or on the owner's; closed by `close()`."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def by_owner(self, parts: Parts, request: web.Request, topic: str, handle: Handler) -> web.Response:
        """Answer a call that belongs to the owner of the hook's partition of `topic`.

        Raise ProblemError: 404 for an unknown hook, 503 while nobody can answer.
        """
        hook_id = hook_id_of(request)
        forwarded = FORWARDED in request.headers
        if not forwarded:  # else the first worker has looked: it may have known a new hook earlier than this one
            known_hook(parts, hook_id)
        partition = parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            if not parts.is_whole(topic, partition):
                raise try_again(_MOVING)
            return await handle(parts, request)
        owner = None if forwarded else parts.owner_of(topic, partition)
        if owner is None:
            raise try_again(_MOVING)
        return await self._forward(owner, request)

    async def _forward(self, owner: str, request: web.Request) -> web.Response:
        base = URL(owner)
        # From the caller come the path and the query alone, as they were written; never a host.
        url = URL.build(
            scheme=base.scheme,
            host=base.raw_host or "",
            port=base.port,
            path=request.rel_url.raw_path,
            query_string=request.rel_url.raw_query_string,
            encoded=True,
        )
        headers = {name: request.headers[name] for name in _THERE if name in request.headers}
        headers[FORWARDED] = "1"
        body = await read_body(request) if request.body_exists else None
        try:
            async with self._open().request(
                request.method, url, headers=headers, data=body, allow_redirects=False, timeout=TIMEOUT
            ) as found:
                return web.Response(
                    body=await found.read(),
                    status=found.status,
                    headers={
                        "Content-Type": found.headers.get("Content-Type", "application/json"),
                        **{name: found.headers[name] for name in _BACK if name in found.headers},
                    },
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            # Not the error itself: it may hold the request, and so the caller's token.
            log.warning(
                "the owner of a partition, %s, does not answer: %s", shown(base.authority), type(error).__name__
            )
            raise try_again("the worker that owns the partition of this hook does not answer") from None

    async def pending_of(self, parts: Parts, request: web.Request, hook_id: str) -> list[dict[str, Any]]:
        """The pending calls of a hook as they are shown, from whoever has them; `request` is the caller's.

        None is known while partitions move.
        """
        topic, partition = parts.topics.delayed, parts.partition_of(hook_id)
        if parts.is_mine(topic, partition):
            return [shown_call(entry) for entry in parts.pending.of_hook(partition, hook_id)]
        owner = parts.owner_of(topic, partition)
        if owner is None:
            return []
        headers = {name: request.headers[name] for name in ("Authorization",) if name in request.headers}
        url = URL(owner) / "api/hooks" / hook_id / "pending" % {"limit": "500"}
        try:
            async with self._open().get(
                url, headers=headers | {FORWARDED: "1"}, allow_redirects=False, timeout=TIMEOUT
            ) as found:
                return list(await found.json()) if found.status == 200 else []
        except (aiohttp.ClientError, TimeoutError):
            return []

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def close(self) -> None:
        """Close the connections; may be called again."""
        if self._session is not None:
            await self._session.close()
            self._session = None


FORWARDER: Final = web.AppKey("forwarder", Forwarder)
"""Where the application has its forwarder."""
