"""Nobody can tell which way a delivery went: what it leaves behind, how it is let go of, and what errors of ours do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.runs import HOOK, NOW, Owner
from support.straight import DELIVERED, Straight, call

from streamhooks.delivery.client import Answer
from streamhooks.in_flight import again

ANSWERS = (
    DELIVERED,
    Answer(204, None, "answered", (), "thanks", 7),
    Answer(500, None, "answered", (), f"echo {HOOK.secret}", 7),
    Answer(429, None, "answered", ("120",), "", 7),
    Answer(410, None, "answered", (), "", 7),
    Answer(404, None, "answered", (), "no", 7),
    Answer(302, None, "answered", (), "", 7),
    Answer(None, "timeout: not done within 9 s", "timeout", (), "", 7),
    Answer(None, f"garbage: {HOOK.secret}", "garbage", (), "", 7),
    Answer(None, "denied: 10.0.0.1", "denied", (), "", 7),
)


@pytest.mark.parametrize("fields", [{}, {"attempt": 6}, {"letter": "k"}, {"hops": 2, "traceparent": "00-1"}])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_both_ways_send_and_leave_the_same(monkeypatch: pytest.MonkeyPatch, answer: Answer, fields):
    monkeypatch.setattr("streamhooks.tasks.endings.random.random", lambda: 0.5)
    left = []
    for is_idle in (True, False):
        world, owner = Straight(), Owner()
        world.endpoint.is_idle, world.endpoint.answer = is_idle, answer
        await world.deliveries.start(call(**fields), owner)
        for exchange in world.endpoint.exchanges:
            world.endpoint.posted.append((exchange.headers, exchange.body))
            exchange.ended(answer)
        await asyncio.wait_for(owner.ended.wait(), 5)
        assert await world.runs.idle(5)
        assert len(world.endpoint.exchanges) == is_idle
        left.append((world.endpoint.posted, world.left, world.bulkheads.in_flight(HOOK.id)))
    assert left[0] == left[1]
    assert left[0][2] == 0


async def test_failures_of_both_ways_open_one_breaker_and_what_follows_is_held_back():
    world = Straight()
    for number in range(20):
        world.endpoint.is_idle = number % 2 == 0
        world.endpoint.answer = failed = Answer(500, None, "answered", (), "", 7)
        owner = Owner()
        await world.deliveries.start(call(), owner)
        if world.endpoint.is_idle:
            world.endpoint.exchanges[-1].ended(failed)
        await asyncio.wait_for(owner.ended.wait(), 5)
    assert [told[0] for told in world.told] == ["failing", "breaker"]
    world.endpoint.is_idle = True
    assert not world.deliveries.straight.start(call(), Owner())


async def test_a_call_counts_as_made_after_its_hook_was_resumed_even_if_the_clock_went_back():
    world = Straight()
    world.hooks.hook = replace(HOOK, resume="skip", resumed_at=NOW + 3600.0005)
    _, exchange = world.begin()
    exchange.ended(Answer(500, None, "answered", (), "", 7))
    assert await world.runs.idle(5)
    assert world.outputs.stored[0][0].created / 1000 >= world.hooks.hook.resumed_at


# --- letting go


async def test_a_delivery_that_is_let_go_closes_its_connection_and_its_late_answer_changes_nothing():
    world = Straight()
    owner, exchange = world.begin()
    world.runs.cancel()
    assert exchange.is_abandoned
    assert (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken, world.runs.straight) == (0, 0, 0)
    exchange.ended(DELIVERED)
    exchange.ended(Answer(500, None, "answered", (), "", 7))
    assert await world.runs.idle(5)
    assert owner.holds == 1
    assert world.left == ([], [], [], [], [], [])
    assert (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken) == (0, 0)


async def test_what_has_ended_is_not_let_go_of():
    world = Straight()
    _, exchange = world.begin()
    exchange.ended(DELIVERED)
    world.runs.cancel()
    assert not exchange.is_abandoned


async def test_the_worker_waits_for_both_kinds_of_deliveries_and_for_what_they_leave():
    world, may_end = Straight(), asyncio.Event()
    owner, exchange = world.begin()
    other, second = world.begin()
    store = world.outputs.store

    async def stores_later(*args, **options):
        await may_end.wait()
        await store(*args, **options)

    world.outputs.store = stores_later
    waiting = asyncio.ensure_future(world.runs.idle(30))
    await turns()
    exchange.ended(DELIVERED)
    await turns()
    assert not waiting.done()
    second.ended(Answer(500, None, "answered", (), "", 7))
    await turns()
    assert not waiting.done()
    may_end.set()
    assert await waiting
    assert (owner.holds, other.holds, len(world.outputs.stored)) == (0, 0, 1)


async def test_it_does_not_wait_for_longer_than_the_grace():
    world = Straight()
    world.begin()
    assert not await world.runs.idle(0.01)
    assert world.runs.straight == 1


async def test_it_waits_for_nothing_where_nothing_runs():
    world = Straight()
    _, exchange = world.begin()
    exchange.ended(DELIVERED)
    assert await world.runs.idle(0)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# --- errors of ours


async def test_after_an_internal_error_a_call_runs_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(again, "pause_after", lambda _: 0.0)
    world = Straight()
    add, failures = world.firings.add, [KeyError("a defect of ours")]

    def fails(*args):
        if failures:
            raise failures.pop()
        add(*args)

    world.firings.add = fails
    world.endpoint.is_idle = True
    _, exchange = world.begin()
    world.endpoint.is_idle = False
    exchange.ended(DELIVERED)  # a callback of the connection: it must not raise
    assert await world.runs.idle(5)
    assert len(world.endpoint.posted) == 1
    assert len(world.firings.attempts) == 1
    assert world.bulkheads.in_flight(HOOK.id) == 0


async def test_a_success_is_a_success_for_those_that_fail_again_and_again():
    world = Straight()
    before = world.runs.again._succeeded
    _, exchange = world.begin()
    exchange.ended(DELIVERED)
    assert world.runs.again._succeeded == before + 1


async def test_an_answer_that_can_not_be_judged_is_not_the_fault_of_the_endpoint(monkeypatch: pytest.MonkeyPatch):
    def judge(*_args):
        raise KeyError("a defect of ours")

    monkeypatch.setattr("streamhooks.webhooks.deliver.judge", judge)
    left = []
    for is_idle in (True, False):
        world, owner = Straight(jitter=0.0), Owner()
        world.endpoint.is_idle = is_idle
        await world.deliveries.start(call(), owner)
        for exchange in world.endpoint.exchanges:
            exchange.ended(DELIVERED)
        await asyncio.wait_for(owner.ended.wait(), 5)
        left.append(world.left)
    assert left[0] == left[1]
    assert left[0][0] == []
    assert "KeyError" in left[0][2][0][1]
