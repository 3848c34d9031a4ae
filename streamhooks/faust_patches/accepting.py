"""Accepting TLS connections: those still in their handshake count as well, and are dropped first.

asyncio's server hands a connection to its protocol after the handshake. Until then it is an open file that nothing
bounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

#: how long a handshake may take, in seconds
HANDSHAKE_WITHIN = 10.0
#: pause after an error such as too many open files, in seconds
PAUSE = 0.1
BACKLOG = 128


class Accepting:
    """Listens on a host and port. `has_room(handshakes)` tells whether another connection may be accepted."""

    def __init__(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext,
        has_room: Callable[[int], bool],
    ) -> None:
        self._protocol = protocol
        self._context = context
        self._has_room = has_room
        self._handshakes: dict[asyncio.Task[None], None] = {}  # oldest first
        self._accepting: list[asyncio.Task[None]] = []
        self.sockets: list[socket.socket] = []

    async def start(self, host: str | None, port: int) -> None:
        """Listen; raise OSError if that fails."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
                one = socket.create_server(address, family=family, backlog=BACKLOG)
                one.setblocking(False)
                self.sockets.append(one)
        except OSError:
            self.close()
            raise
        self._accepting = [asyncio.create_task(self._accept(one)) for one in self.sockets]

    def close(self) -> None:
        """Accept no more connections; established ones stay."""
        for task in (*self._accepting, *self._handshakes):
            task.cancel()
        for one in self.sockets:
            one.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError:
                await asyncio.sleep(PAUSE)
                continue
            if not self._makes_room():
                connection.close()
                continue
            task = asyncio.create_task(self._shake_hands(connection))
            self._handshakes[task] = None
            task.add_done_callback(lambda done: self._handshakes.pop(done, None))

    def _makes_room(self) -> bool:
        if self._has_room(len(self._handshakes)):
            return True
        oldest = next(iter(self._handshakes), None)
        if oldest is None:
            return False
        self._handshakes.pop(oldest)
        oldest.cancel()
        return True

    async def _shake_hands(self, connection: socket.socket) -> None:
        # A failure is the caller's: a certificate that it does not trust, no TLS at all, or a timeout. uvloop raises
        # RuntimeError where asyncio raises OSError.
        with contextlib.suppress(OSError, RuntimeError):
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_WITHIN
            )
