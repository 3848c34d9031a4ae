"""Free ports on this machine."""

from __future__ import annotations

import random
import socket

# Below the range of outgoing connections, so that a port is still free at a restart.
_RANGE = (20_000, 32_000)


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on right now."""
    while True:
        port = random.randrange(*_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    """Return `count` different free TCP ports on 127.0.0.1, sorted."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)
