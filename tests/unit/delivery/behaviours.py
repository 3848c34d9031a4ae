"""What endpoints do with a connection, for the tests of the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from endpoints import Behaviour, Peer

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine to its end, in a loop."""


async def hang(peer: Peer) -> None:
    await peer.hang()


async def close_at_once(peer: Peer) -> None:
    del peer


async def reset_at_once(peer: Peer) -> None:
    peer.reset()


def says(answer: bytes) -> Behaviour:
    """Answer and close."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    return behave


def says_then_hangs(answer: bytes) -> Behaviour:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        await peer.hang()

    return behave


def says_then_resets(answer: bytes) -> Behaviour:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        # What was sent must be read before the reset overtakes it.
        await asyncio.sleep(0.05)
        peer.reset()

    return behave


def says_in_two(head: bytes, body: bytes) -> Behaviour:
    """Answer in two packets, then hang."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        await asyncio.sleep(0.05)
        await peer.send(body)
        await peer.hang()

    return behave


def repeats(head: bytes, part: bytes) -> Behaviour:
    """Answer without an end, as fast as it is read."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        while True:
            await peer.send(part)

    return behave


def drips(head: bytes, part: bytes, pause: float = 0.02) -> Behaviour:
    """Answer without an end, and slowly."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        while True:
            await peer.send(part)
            await asyncio.sleep(pause)

    return behave


OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def closes_after_each(peer: Peer) -> None:
    """Answer, and close without saying so: what we keep is gone when we use it."""
    await peer.request()
    await peer.send(OK + EMPTY)


def answer_with(body: bytes = b"fine", head: bytes = b"HTTP/1.1 200 OK\r\n"):
    async def behave(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return behave
