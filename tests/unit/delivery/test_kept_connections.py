"""Endpoints that end or break a connection that was kept."""

from __future__ import annotations

import asyncio

import pytest
from behaviours import Run, closes_after_each
from endpoints import Behaviour, Peer, a_client, serving

LONG = 10.0
SHORT = 0.25


async def resets_after_each(peer: Peer) -> None:
    await closes_after_each(peer)
    await asyncio.sleep(0.005)
    peer.reset()


async def closes_when_used_again(peer: Peer) -> None:
    await closes_after_each(peer)
    await peer.request()


async def resets_when_used_again(peer: Peer) -> None:
    await closes_after_each(peer)
    await peer.reader.read(1)
    peer.reset()


async def two_attempts(behaviour: Behaviour, timeout: float) -> tuple[list[str], int]:
    """Send twice, the second time within `timeout` seconds; return what each came to, and how many connections."""
    async with serving(behaviour) as endpoint, a_client() as client:
        kinds = [(await client.post(endpoint.url, {}, b"{}", within)).kind for within in (LONG, timeout)]
        return kinds, endpoint.connections


@pytest.mark.parametrize("behaviour", [closes_after_each, closes_when_used_again])
def test_a_kept_connection_that_has_ended_costs_no_attempt(behaviour: Behaviour, run: Run) -> None:
    async def attempts() -> list[int | str | None]:
        async with serving(behaviour) as endpoint, a_client() as client:
            found = []
            for _ in range(10):
                answer = await client.post(endpoint.url, {}, b"{}", LONG)
                found.append(answer.status or answer.error)
            assert endpoint.connections == 10
            return found

    assert run(attempts()) == [200] * 10


@pytest.mark.parametrize("behaviour", [resets_after_each, resets_when_used_again])
def test_an_endpoint_that_resets_a_kept_connection_has_failed_like_another(behaviour: Behaviour, run: Run) -> None:
    """A reset is an answer of a kind (docs/reference/outcomes.md): the same attempt does not ask again."""
    assert run(two_attempts(behaviour, LONG)) == (["answered", "connection"], 1)


def test_an_endpoint_that_breaks_off_its_answer_on_a_kept_connection_has_failed(run: Run) -> None:
    async def breaks_off(peer: Peer) -> None:
        await closes_after_each(peer)
        await peer.request()
        await peer.send(b"HTTP/1.1 20")

    assert run(two_attempts(breaks_off, LONG)) == (["answered", "connection"], 1)


def test_an_endpoint_that_hangs_on_a_kept_connection_is_a_timeout(run: Run) -> None:
    async def hangs(peer: Peer) -> None:
        await closes_after_each(peer)
        await peer.hang()

    assert run(two_attempts(hangs, SHORT)) == (["answered", "timeout"], 1)
