"""A wire between a worker and the brokers that can be made slow, deaf, silent, or cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

_CHUNK = 65_536
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: a close sends RST


@dataclass
class Wire:
    """All connections of one worker, through any number of proxies.

    delay -- seconds that each piece of data takes longer. `to_broker`, `to_worker` -- clear one to let nothing through
    that way: as TCP repeats what gets lost, it arrives when the way is open again.
    """

    delay: float = 0.0
    to_broker: asyncio.Event = field(default_factory=asyncio.Event)
    to_worker: asyncio.Event = field(default_factory=asyncio.Event)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _carrying: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.repair()

    async def lay(self, port: int, target: int) -> None:
        """Listen on a port of 127.0.0.1 for connections to another one."""

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._carry(reader, writer, target))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

        self._servers.append(await asyncio.start_server(accept, "127.0.0.1", port, limit=_CHUNK))

    def repair(self) -> None:
        """Let everything through at once."""
        self.delay = 0.0
        self.to_broker.set()
        self.to_worker.set()

    def reset(self) -> None:
        """Reset all connections, at both ends."""
        for writer in self._writers:
            endpoint = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            writer.transport.abort()

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        for server in self._servers:
            server.close()
        carrying = list(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        writers, ways = {writer}, []
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target, limit=_CHUNK)
            writers.add(far_writer)
            self._writers |= writers
            ways = [
                asyncio.ensure_future(self._pump(reader, far_writer, self.to_broker)),
                asyncio.ensure_future(self._pump(far_reader, writer, self.to_worker)),
            ]
            # When one end is closed, so is the other.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:  # the broker is down
            pass
        finally:
            for way in ways:
                way.cancel()
            self._writers -= writers
            for one in writers:
                one.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await way.wait()
                writer.write(data)
                await writer.drain()
