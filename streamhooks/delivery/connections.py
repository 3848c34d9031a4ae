"""Connections that reach only what the address policy allows, checked on the socket itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohappyeyeballs import AddrInfoType
from aiohttp import ClientConnectionError, ClientTimeout, ServerDisconnectedError, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.answers import Came
from streamhooks.delivery.distrust import DistrustedOrigins
from streamhooks.delivery.exchanges import HookProtocol
from streamhooks.delivery.keeping import Keeping
from streamhooks.delivery.pool import Pool, Waiter
from streamhooks.delivery.targets import HookRequest, Request
from streamhooks.times import steady

_RESOLVING_THREADS = 32
#: a name that took longer to resolve shares the second thread pool the next time, in seconds
QUICK = 1.0
_KNOWN_NAMES = 16_384
#: the only timeout is that of a whole exchange
_NO_TIMEOUT = ClientTimeout(total=None, sock_connect=None)


class DeniedAddressError(OSError):
    """The address policy denies the address; the text says which and why."""


class PolicyResolver(AbstractResolver):
    """Resolves names with the operating system, and leaves out the denied addresses.

    It has its own threads, since those of the loop are few. There are two pools: hosts that last resolved quickly use
    one, and all others share the second. So hosts whose DNS servers hang can't starve the rest, even if somebody
    registers many of them.
    """

    def __init__(self, policy: AddressPolicy, clock: Callable[[], float] = steady) -> None:
        self._policy = policy
        self._clock = clock
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolver")
        self._threads_of_quick = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolver-of-quick")
        self._quick: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def is_quick(self, host: str) -> bool:
        """Tell whether the host last resolved quickly."""
        return host in self._quick

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host that may be connected to.

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
        """Let the threads end, without waiting for names that are being resolved."""
        for threads in (self._threads, self._threads_of_quick):
            threads.shutdown(wait=False, cancel_futures=True)


class HookConnector(TCPConnector):
    """Opens connections to allowed addresses only, whether literal or resolved, and keeps them.

    `limit` is the maximum number of connections. From `per_host` connections of an organization to an origin on, see
    `place`. `distrusted` is told the origins whose connections must not be kept. aiohttp keeps none: each of its
    connections stays in use until it is closed.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        distrusted: DistrustedOrigins,
        clock: Callable[[], float] = steady,
        *,
        limit: int,
        per_host: int,
        **options: Any,
    ) -> None:
        super().__init__(
            resolver=PolicyResolver(policy),
            socket_factory=_socket_factory(policy),
            force_close=True,
            limit=limit,
            **options,
        )
        self._distrusted = distrusted
        self._pool = Pool(self._loop, Keeping(), clock, per_host, limit)
        protocol: Callable[..., ResponseHandler] = HookProtocol
        self._factory = partial(protocol, self._loop, distrusted.add)

    def idle(self, request: HookRequest) -> HookProtocol | None:
        """Return a connection as `kept` does, whose `is_usable` tells whether a request may be written."""
        return None if request.origin in self._distrusted else self._pool.take(request.key)

    def kept(self, request: HookRequest) -> HookProtocol | None:
        """Return a connection on which a request may be written now, or None. Give it back with `give_back`."""
        while (protocol := self.idle(request)) is not None:
            if protocol.is_usable():
                return protocol
            protocol.drop()
        return None

    def wait_in_turn(self, request: HookRequest, waiter: Waiter) -> float:
        """Let one wait for a kept connection; return for how many seconds, 0 if its request may open one at once."""
        key = request.key
        if self.closed or request.origin in self._distrusted:
            return 0.0
        if patience := self._pool.patience(key):
            self._pool.queue(key, waiter)
        return patience

    async def place(self, request: HookRequest) -> HookProtocol | None:
        """Return a kept connection for `exchange`, or None to open one, after its turn has come: see `Pool.wait`."""
        protocol = self.kept(request)
        if protocol is None and not self.closed:
            protocol = await self._pool.wait(request.key)
            if protocol is not None and not protocol.is_usable():
                protocol.drop()
                return None
        return protocol

    def give_back(self, request: HookRequest, protocol: HookProtocol) -> None:
        """Keep the connection for the next request if it may be kept, else close it."""
        if protocol.may_be_kept and not self._pool.is_closed and request.origin not in self._distrusted:
            self._pool.give(request.key, protocol)
            return
        if not protocol.was_clean:
            self._distrusted.add(request.origin)
        protocol.drop()

    async def exchange(
        self, request: HookRequest, data: Request, max_body: int, protocol: HookProtocol | None = None
    ) -> Came:
        """Write a request and return its response: see `HookProtocol.exchange`.

        `protocol` is the kept connection; None opens one. Raises `aiohttp.ClientConnectionError` as well, for example
        if the connector is closed, and `OSError`.
        """
        is_new = protocol is None
        if protocol is None:
            protocol = await self._opened(request)
        try:
            came = await protocol.exchange(request.origin, data, max_body)
            if is_new and request.origin.is_ssl:
                protocol.remember_session()
            return came
        finally:
            self.give_back(request, protocol)

    async def _opened(self, request: HookRequest) -> HookProtocol:
        if self.closed:
            raise ClientConnectionError("the client is closed")
        closed = partial(self._pool.closed, request.key)
        self._pool.opens(request.key)
        try:
            connection = await self.connect(request, [], _NO_TIMEOUT)
        except BaseException:
            closed()
            raise
        connection.add_callback(closed)
        protocol = connection.protocol
        if not isinstance(protocol, HookProtocol):
            connection.close()
            raise ServerDisconnectedError
        protocol.connection, protocol.on_lost = connection, self._pool.lost
        return protocol

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close the connections and the resolver, which aiohttp leaves to the caller."""
        self._pool.close()
        await super().close(abort_ssl=abort_ssl)
        await self._resolver.close()


def _socket_factory(policy: AddressPolicy) -> Callable[[AddrInfoType], socket.socket]:
    """Return a socket factory that checks the address of each connection, and raises if it is denied."""

    def make(addr_info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, address = addr_info
        if refusal := policy.denied(str(address[0])):
            raise DeniedAddressError(refusal)
        return socket.socket(family, kind, proto)

    return make


def _look_up(host: str, port: int, family: int) -> list[str]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in infos))
