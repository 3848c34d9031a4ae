from __future__ import annotations

import asyncio

import pytest
from support.fakes import Clock
from support.virtual_time import in_virtual_time

from streamhooks.limits.bulkheads import PATIENCE, Bulkheads


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


@in_virtual_time
async def test_a_hook_with_few_places_that_answers_in_time_holds_nobody_up_for_long():
    # Answered within the patience each time, and yet all others would get a turn ten times a second only.
    loop = asyncio.get_running_loop()
    made = Bulkheads(100, lambda _hook: 1, loop.time)
    waited = refused = 0
    for _ in range(20):
        if await enter(made, "a"):
            waited += 1
            loop.call_later(0.05, made.leave, "a", loop.time())
        else:
            refused += 1
            await asyncio.sleep(0.01)
    assert waited + refused == 20
    assert refused >= 10


@in_virtual_time
async def test_a_hook_that_lets_some_hang_and_answers_others_holds_nobody_up_for_long():
    loop = asyncio.get_running_loop()
    made = Bulkheads(100, lambda _hook: 3, loop.time)
    refused = 0
    for _ in range(2):
        assert await enter(made, "a")
    for _ in range(20):
        if await enter(made, "a"):
            loop.call_later(0.05, made.leave, "a", loop.time())
        else:
            refused += 1
            await asyncio.sleep(0.01)
    assert refused >= 10


@in_virtual_time
async def test_a_quick_hook_is_waited_for_however_much_there_is_to_send():
    loop = asyncio.get_running_loop()
    made = Bulkheads(100, lambda _hook: 10, loop.time)
    for _ in range(2000):
        assert await enter(made, "a")
        loop.call_later(0.002, made.leave, "a", loop.time())


async def test_what_was_waited_for_in_vain_leaves_nothing_behind():
    made = bulkheads(bound=1)
    await enter(made, "a")
    assert not await enter(made, "a")
    made.leave("a", since=0.0)
    assert (made._waiting, made._waited_until) == ({}, {})
    assert made.in_flight("a") == 0


async def test_many_hooks_that_hang_are_not_waited_for_one_after_the_other():
    clock = Clock()
    made = bulkheads(total=100, bound=1, clock=clock)
    at_once = 0
    for number in range(20):
        assert await enter(made, f"hook-{number}")
        second = asyncio.ensure_future(enter(made, f"hook-{number}"))
        await asyncio.sleep(0)
        at_once += second.done()
        assert not await second
    assert at_once == 15
    # After a while there is patience with others again.
    clock.now += 10.0
    assert await enter(made, "new")
    second = asyncio.ensure_future(enter(made, "new"))
    await asyncio.sleep(0)
    assert not second.done()
    made.leave("new", since=clock.now)
    assert await second


async def test_patience_is_remembered_of_so_many_hooks_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streamhooks.limits.bulkheads.IMPATIENT", 5)
    clock = Clock()
    made = bulkheads(total=100, bound=1, clock=clock)
    for number in range(20):
        clock.now += 10.0
        assert await enter(made, f"hook-{number}")
        assert not await enter(made, f"hook-{number}")
        assert len(made._patience) <= 5
    assert "hook-19" in made._patience


async def test_both_places_are_taken_at_once_or_not_at_all():
    made = bulkheads(total=3, bound=2)
    taken = []
    for hook in "aaabb":
        if made.has_place(hook):
            made.enter_now(hook)
            taken.append(hook)
    assert taken == ["a", "a", "b"]
    waiting = asyncio.ensure_future(enter(made, "c"))
    await asyncio.sleep(0)
    made.leave("a", since=0.0)
    assert not made.has_place("a")  # whoever waits comes first
    assert await waiting
    made.leave("a", since=0.0)
    assert made.has_place("a")
    assert (made.in_flight("a"), made.in_flight("b"), made.in_flight("c")) == (0, 1, 1)


async def test_a_place_that_has_become_free_is_for_who_waits_for_it():
    made = bulkheads(bound=1)
    await enter(made, "a")
    waiting = asyncio.ensure_future(enter(made, "a"))
    await asyncio.sleep(0)
    made.leave("a", since=0.0)
    assert not made.has_place("a")
    assert await waiting
    made.leave("a", since=0.0)
    assert made.has_place("a")
