"""The HTTP server of the views, with bounds that aiohttp lacks: slow requests, slow readers, many connections.

Malformed requests are answered in JSON, like all others, and no response names versions.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import cast

import orjson
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from streamhooks.faust_patches.accepting import Accepting
from streamhooks.metrics import REFUSED_CALLS

log = logging.getLogger(__name__)

NAME = "streamhooks"
#: a connection is closed if a request's headers are not complete within this time, in seconds
HEAD_WITHIN = 10.0
#: how long a caller may take to read a response, in seconds
READ_WITHIN = 30.0
#: how long running requests may delay the end of the worker, in seconds
SHUTDOWN_WITHIN = 3.0
#: maximum connections at once
MOST_CONNECTIONS = 1000


class Connection(RequestHandler):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, if there is room."""
        assert isinstance(self._manager, Server)
        if self._manager.has_room():
            super().connection_made(transport)
        else:
            REFUSED_CALLS.labels("connections").inc()
            cast(asyncio.Transport, transport).abort()

    @property
    def waits_since(self) -> float | None:
        """Return a value that orders idle connections, longest first; None while a request is handled."""
        waits = self._waiter is not None and not self._waiter.done() and not self._force_close
        return self._next_keepalive_close_time if waits else None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a malformed request; its text is foreign, and is neither returned nor logged."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another response has been sent")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("a request failed: %s", type(exc).__name__)
        answer = _problem(status, "malformed request" if status == HTTPStatus.BAD_REQUEST else "internal error")
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response; abort the connection of a caller that does not read it."""
        if isinstance(resp, web.HTTPException):  # raised before our middlewares, for an unknown Expect header
            resp = _problem(resp.status, resp.reason.lower())
        resp.headers["Server"] = NAME
        try:
            async with asyncio.timeout(READ_WITHIN):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if self.transport is not None:
                self.transport.abort()
            return resp, True


class Server(web.Server):
    """All connections."""

    def has_room(self, others: int = 0) -> bool:
        """Tell whether one more connection fits; if necessary, close the one that has been idle longest.

        So idle connections keep nobody out. `others` is the number of connections still in their handshake.
        """
        if len(self._connections) + others < MOST_CONNECTIONS:
            return True
        waiting = [
            (since, one)
            for one in self._connections
            if isinstance(one, Connection) and (since := one.waits_since) is not None
        ]
        if not waiting:
            return False
        min(waiting, key=lambda pair: pair[0])[1].force_close()
        return True

    def __call__(self) -> RequestHandler:
        """Return the handler of a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on our server. A handler is cancelled when its caller disconnects."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=HEAD_WITHIN,
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_WITHIN,
        )

    async def _make_server(self) -> Server:
        made = await super()._make_server()
        return Server(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )


class Site(web.TCPSite):
    """Listens at an address; with TLS, connections still in their handshake are bounded as well."""

    async def start(self) -> None:
        """Listen."""
        if self._ssl_context is None:
            await super().start()
            return
        await web.BaseSite.start(self)
        server = self._runner.server
        assert isinstance(server, Server)
        accepting = Accepting(server, self._ssl_context, server.has_room)
        await accepting.start(self._host, self._port)
        self._server = cast(asyncio.AbstractServer, accepting)  # it only needs `close` and `sockets`


def _problem(status: int, detail: str) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": NAME}
    return web.Response(
        body=orjson.dumps({"detail": detail}),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )
