"""One connection to an endpoint: a request out, its response in, and nothing else taken for its response.

These bytes are certainly not the response to a request: bytes that come while no request is open, bytes that wait in
the socket when the request is about to be written, and bytes that come before the other side has acknowledged the whole
request. Whether later bytes were sent for this request can't be known. If they were not, its real response comes after
them and shows it.

Why: docs/decisions/0009-own-requests-and-answers.md.
"""

from __future__ import annotations

import asyncio
import errno
import select
import sys
from collections.abc import Callable
from functools import partial

from aiohttp import ClientOSError, ServerDisconnectedError
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from streamhooks.delivery.answers import AnswerReader, Came, State, plain
from streamhooks.delivery.distrust import Origin
from streamhooks.delivery.sessions import ResumingObject
from streamhooks.delivery.targets import Request

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import FIONREAD, TIOCOUTQ

    _NONE = bytes(4)

    def _unread(descriptor: int) -> bool:
        return ioctl(descriptor, FIONREAD, _NONE) != _NONE

    def _unacknowledged(descriptor: int) -> bool:
        return ioctl(descriptor, TIOCOUTQ, _NONE) != _NONE
else:

    def _unread(descriptor: int) -> bool:
        del descriptor
        return False

    _unacknowledged = _unread

#: after so many reads of one response, each further read waits for this time
READS = 32
PAUSE_SECONDS = 0.01

_CLEAN = (State.COMPLETE, State.CUT)
_SPOKE = "it sent bytes before it was asked"


Ended = Callable[[Came | None, BaseException | None], None]
"""Is told the response, or why there is none."""


class GarbageError(Exception):
    """The bytes received are not a response; the text says why."""


class StaleConnectionError(ServerDisconnectedError):
    """A kept connection could not be reused: nothing on it is a response to this request."""


class HookProtocol(ResponseHandler):
    """Does one exchange after the other. aiohttp connects and pools it; its parser is not used.

    `distrust` is told the origin of unsolicited bytes.

    connection -- what aiohttp knows it by, if aiohttp has opened it. origin -- where it leads, after its first request.
    on_lost -- is called if it ends while no request is open. keep_seconds -- how long the other side says it keeps it,
    or None. may_be_kept -- whether another request may follow
    the last exchange. was_clean -- whether that one ended properly: with a whole well-formed response, with the part of
    it that is kept, or without any byte of one.
    """

    __slots__ = (
        "_descriptor",
        "_distrust",
        "_ended",
        "_has_strayed",
        "_heard",
        "_is_early",
        "_is_kept",
        "_max_body",
        "_poll",
        "_reader",
        "_reads",
        "_ssl_object",
        "connection",
        "keep_seconds",
        "may_be_kept",
        "on_lost",
        "origin",
        "was_clean",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, distrust: Callable[[Origin], None]) -> None:
        super().__init__(loop)
        self.may_be_kept = False
        self.was_clean = True
        self.connection: Connection | None = None
        self.keep_seconds: int | None = None
        self.on_lost: Callable[[HookProtocol], None] | None = None
        self._distrust = distrust
        self._ssl_object: object = None
        self._descriptor = -1
        self._poll = select.poll()
        self.origin: Origin | None = None
        self._is_kept = False
        self._ended: Ended | None = None
        self._max_body = 0
        self._reader: AnswerReader | None = None
        self._heard = False
        self._reads = 0
        self._is_early = False
        self._has_strayed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to use a new connection."""
        super().connection_made(transport)
        self._ssl_object = transport.get_extra_info("ssl_object")
        self._descriptor = transport.get_extra_info("socket").fileno()
        self._poll.register(self._descriptor, select.POLLIN)

    def is_usable(self) -> bool:
        """Tell whether a request may be written: it is open, and it is new, or nothing waits in its socket.

        The loop may not have read bytes that came since the last exchange. With TLS they may be the close notification.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        if self.origin is None or not self._poll.poll(0):
            return True
        if not self.origin.is_ssl and _unread(self._descriptor):
            self._distrust(self.origin)
        return False

    def remember_session(self) -> None:
        """Let the next connection to the same name resume the TLS session of this one."""
        if isinstance(self._ssl_object, ResumingObject):
            self._ssl_object.remember()

    def drop(self) -> None:
        """Close the connection at once."""
        self.abort()
        self.retire()

    def retire(self) -> None:
        """Close the connection, with TLS by saying so first."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    async def exchange(self, origin: Origin, request: Request, max_body: int) -> Came:
        """Write a request and return its response, with at most `max_body` bytes of its body.

        Raises `GarbageError`, `StaleConnectionError`, and aiohttp's `ServerDisconnectedError` and `ClientOSError`.
        """
        answered: asyncio.Future[Came] = self._loop.create_future()
        self.send(origin, request, max_body, partial(_settle, answered))
        try:
            return await answered
        finally:
            self.let_go()

    def send(self, origin: Origin, request: Request, max_body: int, ended: Ended) -> None:
        """Write a request. `ended` is told once what came, in a later turn of the loop; not after `let_go`.

        Raises as `exchange` does, if nothing can be written; then `ended` is told nothing.
        """
        self.may_be_kept = self._heard = self._is_early = False
        self.was_clean = not self._has_strayed
        if self._has_strayed:
            raise GarbageError(_SPOKE)
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ServerDisconnectedError
        if self.origin is None and not origin.is_ssl and _unread(self._descriptor):
            self.was_clean = False
            raise GarbageError(_SPOKE)
        self._is_kept, self.origin = self.origin is not None, origin
        self._max_body = max_body
        for piece in request:
            transport.write(piece)
        self._ended = ended

    def let_go(self) -> None:
        """End the exchange, if it is open, without a response."""
        if self._ended is not None:
            self._conclude()

    def data_received(self, data: bytes) -> None:
        """Read a part of a response, or close the connection if no request is open."""
        if self._ended is None:
            self._break_off()
            return
        reader = self._reader
        if reader is None:
            self._heard = True
            transport = self.transport
            # The first byte of a response to the whole request comes with the acknowledgement of the whole request.
            self._is_early = bool(
                transport is None or transport.get_write_buffer_size() or _unacknowledged(self._descriptor)
            )
            if self._is_early and self._is_kept:
                self._end(None, StaleConnectionError())
                return
            if (came := plain(data, self._max_body)) is not None:
                self.was_clean = self.may_be_kept = not self._is_early
                self.keep_seconds = came.head.keep_seconds
                ended, self._ended = self._ended, None
                ended(came, None)
                return
            reader = self._reader = AnswerReader(self._max_body)
            self._reads = 0
        reader.feed(data)
        if reader.state is not State.OPEN:
            self._end_with(reader)
            return
        self._reads += 1
        if self._reads > READS and self.transport is not None:
            # It may come byte by byte: continue when there may be more.
            self.transport.pause_reading()
            self._loop.call_later(PAUSE_SECONDS, self._read_on, reader)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Read the end of a response, or record that there is none."""
        super().connection_lost(exc)
        if self._ended is None:
            if self.on_lost is not None:
                self.on_lost(self)
            return
        reader = self._reader
        if reader is not None:
            reader.end()
        if reader is None or reader.state is State.OPEN:
            self._end(None, self._failure(exc))
        else:
            self._end_with(reader)

    def _read_on(self, reader: AnswerReader) -> None:
        transport = self.transport
        if self._reader is reader and transport is not None and not transport.is_closing():
            transport.resume_reading()

    def _break_off(self) -> None:
        self._has_strayed = True
        if self.origin is not None:
            self._distrust(self.origin)
        if self.transport is not None:
            self.transport.abort()

    def _failure(self, cause: BaseException | None) -> BaseException:
        if self._is_kept and not self._heard and _had_ended(cause):
            return StaleConnectionError()
        if cause is None:
            return ServerDisconnectedError()
        return ClientOSError(*cause.args) if isinstance(cause, OSError) else cause

    def _end_with(self, reader: AnswerReader) -> None:
        if reader.fault or reader.head is None:
            self._end(None, GarbageError(reader.fault))
        else:
            self._end(Came(reader.head, reader.head_text, bytes(reader.body)), None)

    def _end(self, came: Came | None, failure: BaseException | None) -> None:
        ended = self._ended
        if ended is not None:
            self._conclude()
            ended(came, failure)

    def _conclude(self) -> None:
        reader, self._reader, self._ended = self._reader, None, None
        is_whole = reader is not None and reader.state in _CLEAN and not self._is_early
        self.was_clean = is_whole or not self._heard
        self.may_be_kept = is_whole and reader is not None and reader.keeps
        if reader is not None and reader.head is not None:
            self.keep_seconds = reader.head.keep_seconds


def _settle(answered: asyncio.Future[Came], came: Came | None, failure: BaseException | None) -> None:
    if answered.done():
        return
    if came is not None:
        answered.set_result(came)
    elif failure is not None:
        answered.set_exception(failure)


def _had_ended(cause: BaseException | None) -> bool:
    """Tell whether the other side had already closed the connection; a reset without that is the endpoint's failure.

    Linux reports the end of the stream first, and EPIPE for a write after it, even if a reset has followed.
    """
    return cause is None or (isinstance(cause, OSError) and cause.errno == errno.EPIPE)
