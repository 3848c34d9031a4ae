"""The two ways to post, made comparable: both on a kept connection, on which an endpoint does what a case says."""

from __future__ import annotations

import asyncio
from typing import Literal

from endpoints import Behaviour, Peer
from msgspec import structs

from streamhooks.delivery.client import Answer, HookClient

LONG = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Way = Literal["post", "soon"]
WAYS: tuple[Way, ...] = ("post", "soon")


def after_one(behaviour: Behaviour) -> Behaviour:
    """Answer the first request as is usual, then behave like this, and on further connections at once."""
    connections = 0

    async def behave(peer: Peer) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await peer.request()
            await peer.send(OK)
        await behaviour(peer)

    return behave


async def begin(client: HookClient, url: str) -> None:
    """Have a kept connection to an endpoint `after_one`."""
    assert (await client.post(url, {}, b"{}", LONG)).status == 200


async def soon(client: HookClient, url: str, body: bytes = b"{}", timeout: float = LONG) -> Answer | None:
    """Return what `post_soon` tells, or None if it does nothing."""
    told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    if client.post_soon(url, {}, body, timeout, "", told.set_result) is None:
        return None
    assert not told.done()
    return await asyncio.wait_for(told, 2 * LONG)


async def posted(way: Way, client: HookClient, url: str, body: bytes = b"{}", timeout: float = LONG) -> Answer:
    """Post in this way; `soon` as its caller does it, who posts the other way if it does nothing."""
    answer = await soon(client, url, body, timeout) if way == "soon" else None
    return answer or await client.post(url, {}, body, timeout)


def apart_from_time(answer: Answer) -> Answer:
    return structs.replace(answer, duration_ms=0, written=answer.written.partition(b"Host: ")[0])
