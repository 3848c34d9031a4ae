"""An endpoint that sends raw bytes: responses, and unsolicited data."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class RawEndpoint:
    """Answers each request over a kept connection with what `answer(path, body)` gives."""

    def __init__(self, answer: Callable[[str, bytes], bytes]) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{path}"

    def blurt(self, data: bytes) -> None:
        """Send unsolicited bytes over every open connection."""
        for connection in self._connections:
            with suppress(OSError):
                connection.sendall(data)

    def close(self) -> None:
        for one in (self._listener, *self._connections):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection.makefile("rb") as lines:
            while line := lines.readline():
                length = 0
                while header := lines.readline().strip():
                    name, _, value = header.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                connection.sendall(self._answer(line.split()[1].decode(), lines.read(length)))


@contextmanager
def raw_endpoint(answer: Callable[[str, bytes], bytes]) -> Iterator[RawEndpoint]:
    endpoint = RawEndpoint(answer)
    try:
        yield endpoint
    finally:
        endpoint.close()
