"""Free ports on this machine."""

from __future__ import annotations

import random
import socket
import sys
from collections import deque

# Below the range of outgoing connections, so that a port is still free at a restart.
_RANGE = (20_000, 32_000)

#: What tells other processes which ports this one has chosen: one that is not listened on yet looks free to them.
_CLAIMS: deque[socket.socket] = deque()
_MOST_CLAIMS = 200


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listens on right now, and that no other call has returned lately.

    Calls in other processes count, too, on Linux.
    """
    while True:
        port = random.randrange(*_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if _claim(port):
            return port


def _claim(port: int) -> bool:
    """Claim a port until this process ends, or claims many others; False if it is claimed."""
    if sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0streamhooks-port-{port}")
    except OSError:
        claim.close()
        return False
    _CLAIMS.append(claim)
    if len(_CLAIMS) > _MOST_CLAIMS:
        _CLAIMS.popleft().close()
    return True


def free_ports(count: int) -> list[int]:
    """Return `count` different free TCP ports on 127.0.0.1, sorted."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)
