from __future__ import annotations

import asyncio

from streamhooks.in_flight.bulkheads import PATIENCE, Bulkheads


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def bulkheads(total: int = 10, bound: int = 2, clock=None) -> Bulkheads:
    return Bulkheads(total, lambda _hook: bound, clock or Clock())


async def enter(made: Bulkheads, hook: str) -> bool:
    if await made.enter_soon(hook):
        await made.room(hook)
        return True
    return False


async def test_a_hook_takes_no_more_than_its_bound():
    made = bulkheads()
    assert await enter(made, "a")
    assert await enter(made, "a")
    assert not made.enter("a")
    assert await enter(made, "b")
    assert made.in_flight("a") == 2


async def test_a_burst_for_a_quick_hook_waits_for_its_places():
    made = bulkheads()
    await enter(made, "a")
    await enter(made, "a")
    waiting = asyncio.ensure_future(enter(made, "a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    made.leave("a", since=0.0)
    assert await waiting
    assert made.in_flight("a") == 2


async def test_a_slow_hook_is_waited_for_once_and_then_no_more_until_it_is_quick_again():
    clock = Clock()
    made = bulkheads(clock=clock)
    await enter(made, "a")
    await enter(made, "a")
    assert not await enter(made, "a")
    refused = asyncio.ensure_future(enter(made, "a"))
    await asyncio.sleep(0)
    assert refused.done()
    assert not refused.result()
    clock.now = 5.0
    made.leave("a", since=0.0)
    await enter(made, "a")
    assert not await enter(made, "a")
    made.leave("a", since=clock.now - PATIENCE / 2)
    await enter(made, "a")
    waiting = asyncio.ensure_future(enter(made, "a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    made.leave("a", since=clock.now)
    assert await waiting


async def test_all_deliveries_share_the_room_and_retries_have_places_of_their_own():
    made = bulkheads(total=4, bound=10)
    for hook in "abcd":
        await enter(made, hook)
    waiting = asyncio.ensure_future(enter(made, "e"))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert made.enter_again("f")
    assert not made.enter_again("g")
    made.leave_again("f", since=0.0)
    await asyncio.sleep(0)
    assert not waiting.done()
    made.leave("a", since=0.0)
    assert await waiting


async def test_whoever_gives_up_waiting_for_room_leaves_no_place_taken():
    made = bulkheads(total=1)
    await enter(made, "a")
    waiting = asyncio.ensure_future(enter(made, "b"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert made.in_flight("b") == 0
