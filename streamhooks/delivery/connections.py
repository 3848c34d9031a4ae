"""Connections that reach only what the address policy lets through, checked on the socket itself."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohappyeyeballs import AddrInfoType
from aiohttp import ClientOSError, ClientRequest, ClientTimeout, ServerDisconnectedError, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from streamhooks.delivery.addresses import AddressPolicy

_RESOLVING_THREADS = 32
#: a name whose look-up took longer waits for the next one behind the others, in seconds
QUICK = 1.0
_KNOWN_NAMES = 16_384


class DeniedAddressError(OSError):
    """The address policy refuses the address; the text says which and why."""


class StaleConnectionError(ServerDisconnectedError):
    """A connection that was kept had ended when it was used again: of this request nothing came back."""


class PolicyResolver(AbstractResolver):
    """Resolves names by the operating system, and leaves out the denied addresses.

    It has threads of its own: those of the loop are few. Names that answered quickly when they were asked last have
    their own again: names whose servers hang hold all of the others, and whoever makes hooks can make up many.
    """

    def __init__(self, policy: AddressPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolver")
        self._threads_of_quick = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolver-of-quick")
        self._quick: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def is_quick(self, host: str) -> bool:
        """Whether the name answered quickly when it was asked last."""
        return host in self._quick

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name that may be connected to.

        Raises `DeniedAddressError` if it has only denied ones, `socket.gaierror` if it has none.
        """
        loop = asyncio.get_running_loop()
        threads = self._threads_of_quick if self.is_quick(host) else self._threads
        addresses = await loop.run_in_executor(threads, self._timed, host, port, family)
        refusals = {address: self._policy.denied(address) for address in addresses}
        if all(refusals.values()):
            raise DeniedAddressError(next(iter(refusals.values())))
        return [
            ResolveResult(hostname=host, host=address, port=port, family=0, proto=0, flags=socket.AI_NUMERICHOST)
            for address, refusal in refusals.items()
            if refusal is None
        ]

    def _timed(self, host: str, port: int, family: int) -> list[str]:
        started = self._clock()
        try:
            return _look_up(host, port, family)
        finally:
            self._note(host, self._clock() - started)

    def _note(self, host: str, seconds: float) -> None:
        with self._lock:
            self._quick.pop(host, None)
            if seconds < QUICK:
                self._quick[host] = None
                if len(self._quick) > _KNOWN_NAMES:
                    self._quick.popitem(last=False)

    async def close(self) -> None:
        """Let the threads end; look-ups under way are not waited for."""
        for threads in (self._threads, self._threads_of_quick):
            threads.shutdown(wait=False, cancel_futures=True)


class HookConnector(TCPConnector):
    """Opens connections to allowed addresses only, literals and resolved names alike."""

    def __init__(self, policy: AddressPolicy, **options: Any) -> None:
        super().__init__(resolver=PolicyResolver(policy), socket_factory=_socket_factory(policy), **options)
        protocol: type[ResponseHandler] = _HeadFirst
        self._factory = partial(protocol, loop=self._loop)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Return a new connection, or one that was kept, which then knows that it was."""
        connection = await super().connect(req, traces, timeout)
        if isinstance(connection.protocol, _HeadFirst):
            connection.protocol.begin()
        return connection

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close the connections and the resolver, which aiohttp leaves to who made it."""
        await super().close(abort_ssl=abort_ssl)
        await self._resolver.close()


class _HeadFirst(ResponseHandler):
    """Lets the status line decide, whatever is wrong with the body (tried with aiohttp 3.14).

    aiohttp's parser gives out nothing of a packet in which it finds a fault, so that a 200 with one byte too
    many is an answer or garbage by the luck of packets; and of a later fault the reader never hears.

    And it tells a connection that had ended before the request from an endpoint that does not answer it.
    """

    _requests = 0
    _heard = False

    def begin(self) -> None:
        """Another request is about to be sent."""
        self._requests += 1
        self._heard = False

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Note what went wrong."""
        if self._requests > 1 and not self._heard and _had_ended(exc):
            exc = StaleConnectionError()
        super().set_exception(exc, *cause)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        end = data.find(b"\r\n\r\n") + 4
        if 4 <= end < len(data):
            super().data_received(data[:end])
            data = data[end:]
        super().data_received(data)
        if self._exception is not None and self._payload is not None and not self._payload.is_eof():
            self._payload.feed_eof()


def _had_ended(error: BaseException) -> bool:
    """Tell whether the other side had closed the connection: of its reset without that, an endpoint is the cause.

    Linux gives the end of the stream first, and EPIPE for what is written behind it, also when a reset has followed.
    """
    return isinstance(error, ServerDisconnectedError) or (
        isinstance(error, ClientOSError) and error.errno == errno.EPIPE
    )


def _socket_factory(policy: AddressPolicy) -> Callable[[AddrInfoType], socket.socket]:
    """Return a maker of sockets that sees each address really connected to, and raises if it is denied."""

    def make(addr_info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, address = addr_info
        if refusal := policy.denied(str(address[0])):
            raise DeniedAddressError(refusal)
        return socket.socket(family, kind, proto)

    return make


def _look_up(host: str, port: int, family: int) -> list[str]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in infos))
