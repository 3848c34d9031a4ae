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

from aiohttp import ClientOSError, ServerDisconnectedError
from aiohttp.client_proto import ResponseHandler

from streamhooks.delivery.answers import AnswerReader, State
from streamhooks.delivery.distrust import Origin
from streamhooks.delivery.targets import Request

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import FIONREAD, TIOCOUTQ

    def _count(descriptor: int, of: int) -> int:
        count = bytearray(4)
        ioctl(descriptor, of, count)
        return int.from_bytes(count, sys.byteorder)

    def _unread(descriptor: int) -> int:
        return _count(descriptor, FIONREAD)

    def _unacknowledged(descriptor: int) -> int:
        return _count(descriptor, TIOCOUTQ)
else:

    def _unread(descriptor: int) -> int:
        del descriptor
        return 0

    _unacknowledged = _unread

#: after so many reads of one response, each further read waits for this time
READS = 32
PAUSE_SECONDS = 0.01

_CLEAN = (State.COMPLETE, State.CUT)
_SPOKE = "it sent bytes before it was asked"


class GarbageError(Exception):
    """The bytes received are not a response; the text says why."""


class StaleConnectionError(ServerDisconnectedError):
    """A kept connection could not be reused: nothing on it is a response to this request."""


class HookProtocol(ResponseHandler):
    """Does one exchange after the other. aiohttp connects and pools it; its parser is not used.

    `distrust` is told the origin of unsolicited bytes.

    may_be_kept -- whether another request may follow the last exchange. was_clean -- whether that one ended properly:
    with a whole well-formed response, with the part of it that is kept, or without any byte of one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, distrust: Callable[[Origin], None]) -> None:
        super().__init__(loop)
        self.may_be_kept = False
        self.was_clean = True
        self._distrust = distrust
        self._descriptor = -1
        self._poll = select.poll()
        self._origin: Origin | None = None
        self._is_kept = False
        self._reader: AnswerReader | None = None
        self._answered: asyncio.Future[None] | None = None
        self._heard = False
        self._reads = 0
        self._is_early = False
        self._has_strayed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to use a new connection."""
        super().connection_made(transport)
        self._descriptor = transport.get_extra_info("socket").fileno()
        self._poll.register(self._descriptor, select.POLLIN)

    def is_usable(self) -> bool:
        """Tell whether a request may be written: the connection is new, or nothing waits in its socket.

        The loop may not have read bytes that came since the last exchange. With TLS they may be the close notification.
        """
        if self._origin is None or not self._poll.poll(0):
            return True
        if not self._origin.is_ssl and _unread(self._descriptor):
            self._distrust(self._origin)
        return False

    async def exchange(self, origin: Origin, request: Request, max_body: int) -> AnswerReader:
        """Write a request and return its response, with at most `max_body` bytes of its body.

        Raises `GarbageError`, `StaleConnectionError`, and aiohttp's `ServerDisconnectedError` and `ClientOSError`.
        """
        self.may_be_kept = self._heard = self._is_early = False
        self.was_clean = not self._has_strayed
        if self._has_strayed:
            raise GarbageError(_SPOKE)
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ServerDisconnectedError
        if self._origin is None and not origin.is_ssl and _unread(self._descriptor):
            self.was_clean = False
            raise GarbageError(_SPOKE)
        self._is_kept, self._origin = self._origin is not None, origin
        reader = self._reader = AnswerReader(max_body)
        self._reads = 0
        self._answered = self._loop.create_future()
        try:
            for piece in request:
                transport.write(piece)
            await self._answered
        finally:
            self._reader = None
            self.was_clean = not self._heard or (reader.state in _CLEAN and not self._is_early)
            self.may_be_kept = self.was_clean and reader.keeps
        if reader.fault:
            raise GarbageError(reader.fault)
        return reader

    def data_received(self, data: bytes) -> None:
        """Read a part of a response, or close the connection if no request is open."""
        reader = self._reader
        if reader is None:
            self._break_off()
            return
        if not self._heard:
            self._heard = True
            self._is_early = self._has_unsent()
            if self._is_early and self._is_kept:
                self._end(StaleConnectionError())
                return
        reader.feed(data)
        if reader.state is not State.OPEN:
            self._end(None)
            return
        self._reads += 1
        if self._reads > READS and self.transport is not None:
            # It may come byte by byte: continue when there may be more.
            self.transport.pause_reading()
            self._loop.call_later(PAUSE_SECONDS, self._read_on, reader)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Read the end of a response, or record that there is none."""
        super().connection_lost(exc)
        if self._reader is not None:
            self._reader.end()
            self._end(self._failure(exc) if self._reader.state is State.OPEN else None)

    def _read_on(self, reader: AnswerReader) -> None:
        transport = self.transport
        if self._reader is reader and transport is not None and not transport.is_closing():
            transport.resume_reading()

    def _break_off(self) -> None:
        self._has_strayed = True
        if self._origin is not None:
            self._distrust(self._origin)
        if self.transport is not None:
            self.transport.abort()

    def _has_unsent(self) -> bool:
        """Tell whether the other side has yet to acknowledge a part of the request.

        The first byte of a response to the whole request comes with the acknowledgement of the whole request.
        """
        return bool(
            self.transport is None or self.transport.get_write_buffer_size() or _unacknowledged(self._descriptor)
        )

    def _failure(self, cause: BaseException | None) -> BaseException:
        if self._is_kept and not self._heard and _had_ended(cause):
            return StaleConnectionError()
        if cause is None:
            return ServerDisconnectedError()
        return ClientOSError(*cause.args) if isinstance(cause, OSError) else cause

    def _end(self, failure: BaseException | None) -> None:
        if self._answered is None or self._answered.done():
            return
        if failure is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(failure)


def _had_ended(cause: BaseException | None) -> bool:
    """Tell whether the other side had already closed the connection; a reset without that is the endpoint's failure.

    Linux reports the end of the stream first, and EPIPE for a write after it, even if a reset has followed.
    """
    return cause is None or (isinstance(cause, OSError) and cause.errno == errno.EPIPE)
