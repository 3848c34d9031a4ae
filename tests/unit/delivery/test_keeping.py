"""How long an idle connection is used again."""

from __future__ import annotations

from typing import Any, cast

import pytest
from behaviours import OK
from clocks import SetLoop

from streamhooks.delivery.distrust import Origin
from streamhooks.delivery.heads import head_of
from streamhooks.delivery.keeping import Keeping
from streamhooks.delivery.pool import Pool

KEY = "a key"
ORIGIN = Origin("hook.example", 443, True)
OTHER = Origin("other.example", 443, True)


class Idle:
    """A connection that is idle."""

    def __init__(self, origin: Origin = ORIGIN, keep_seconds: int | None = None) -> None:
        self.origin = origin
        self.keep_seconds = keep_seconds
        self.is_open = True

    def retire(self) -> None:
        self.is_open = False

    abort = retire


class Connections:
    """A pool, and what it is told."""

    def __init__(self, most: int = 100) -> None:
        self.loop = SetLoop()
        self.pool = Pool(cast("Any", self.loop), Keeping(), self.loop.time, 100, most)

    def idle(self, key: object = KEY, keep_seconds: int | None = None, origin: Origin = ORIGIN) -> Idle:
        one = Idle(origin, keep_seconds)
        self.pool.opens(key)
        self.pool.give(key, cast("Any", one))
        return one

    def is_used_after(self, one: Idle, seconds: float, key: object = KEY) -> bool:
        self.loop.run_until(self.loop.now + seconds)
        return self.pool.take(key) is one

    def end(self, one: Idle) -> None:
        self.pool.lost(cast("Any", one))


@pytest.mark.parametrize(("said", "seconds"), [(None, 4), (5, 4), (2, 1), (30, 29), (61, 60), (100_000, 60)])
async def test_it_is_used_for_as_long_as_the_origin_says(said: int | None, seconds: int) -> None:
    for idle, is_used in ((seconds, True), (seconds + 0.01, False)):
        connections = Connections()
        one = connections.idle(keep_seconds=said)
        assert connections.is_used_after(one, idle) == is_used


async def test_the_one_that_was_used_last_is_used_next() -> None:
    connections = Connections()
    one, other = connections.idle(), connections.idle()
    assert connections.is_used_after(other, 0)
    assert connections.is_used_after(one, 0)
    assert connections.pool.take(KEY) is None


async def test_one_stays_open_to_show_how_long_the_origin_keeps_it() -> None:
    connections = Connections()
    idle = [connections.idle() for _ in range(3)]
    connections.loop.run_until(connections.loop.now + 6)
    assert [one.is_open for one in idle] == [True, False, False]
    connections.loop.run_until(connections.loop.now + 14)
    new = connections.idle()
    assert connections.is_used_after(new, 15)
    assert idle[0].is_open
    connections.loop.run_until(connections.loop.now + 30)
    assert not idle[0].is_open
    assert connections.is_used_after(connections.idle(), 47)
    assert connections.loop.waiting <= 1


async def test_none_stays_open_if_the_origin_says_how_long() -> None:
    connections = Connections()
    one = connections.idle(keep_seconds=3)
    connections.loop.run_until(connections.loop.now + 4)
    assert not one.is_open
    assert connections.loop.waiting == 0


async def test_an_origin_that_closed_one_earlier_is_known_by_that() -> None:
    connections = Connections()
    one = connections.idle()
    connections.loop.run_until(connections.loop.now + 3)
    connections.end(one)
    assert not one.is_open
    assert connections.is_used_after(connections.idle(), 2.3)
    assert not connections.is_used_after(connections.idle(), 2.5)
    assert connections.is_used_after(connections.idle("other", origin=OTHER), 4, "other")


async def test_more_than_the_most_close_the_one_that_is_idle_for_longest() -> None:
    connections = Connections(most=2)
    idle = [connections.idle(key) for key in ("a", "b", "c")]
    assert [one.is_open for one in idle] == [False, True, True]


async def test_at_the_end_all_are_closed() -> None:
    connections = Connections()
    idle = [connections.idle(key) for key in ("a", "b", "b")]
    connections.pool.close()
    assert not any(one.is_open for one in idle)
    assert connections.loop.waiting == 0


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"Keep-Alive: timeout=5, max=1000", 5),
        (b"keep-alive: max=1000, Timeout = 72", 72),
        (b"Keep-Alive: timeout=x", None),
        (b"Keep-Alive: max=3", None),
        (b"X: timeout=5", None),
        (b"Keep-Alive: notimeout=5", None),
    ],
)
def test_what_a_head_says(line: bytes, seconds: int | None) -> None:
    head = head_of(OK + line + b"\r\nContent-Length: 0\r\n\r\n")
    assert head is not None
    assert head.keep_seconds == seconds
