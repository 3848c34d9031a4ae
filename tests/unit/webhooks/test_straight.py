"""Deliveries that need no waiting go straight; all else goes the general way, and nobody can tell which it was."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from support.runs import HOOK, NOW, Owner, World

from streamhooks.delivery.client import Answer
from streamhooks.in_flight import again
from streamhooks.metrics import HELD_BACK, IN_FLIGHT, QUEUE_SECONDS, TASK_SECONDS, tasks_of
from streamhooks.records.hook_state import HookState
from streamhooks.records.secret import SEALED
from streamhooks.tasks.call import Call
from streamhooks.tasks.task import Delivery
from streamhooks.webhooks.deliver import Preparing, Soon, deliverer
from streamhooks.webhooks.rendering import Payload
from streamhooks.webhooks.tasks import DeliveryTask

TASK = "streamhooks.t"
DELIVERED = Answer(200, None, "answered", (), "", 7)


@dataclass
class Exchange:
    """A request that was written."""

    headers: dict[str, str]
    body: bytes
    ended: Any
    is_abandoned: bool = False

    def abandon(self) -> None:
        self.is_abandoned = True


@dataclass
class Endpoint:
    """What both ways of the HTTP client do here; the one that waits gets `answer`."""

    answer: Answer = DELIVERED
    is_idle: bool = True
    exchanges: list[Exchange] = field(default_factory=list)
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def post_soon(self, url, headers, body, timeout, organization, ended):
        assert (url, timeout, organization) == (HOOK.url, 9.0, HOOK.organization_id)
        if not self.is_idle:
            return None
        self.exchanges.append(Exchange(headers, body, ended))
        return self.exchanges[-1]

    async def post(self, _url, headers, body, _timeout, _organization):
        self.posted.append((headers, body))
        return self.answer


class Straight(World):
    def __init__(self, *, body: bytes = b"body", **rest) -> None:
        self.endpoint = Endpoint()
        bounds = {"timeout": 9.0, "max_body": 100}
        self.send = deliverer(self.endpoint.post, clock=lambda: NOW, **bounds)
        super().__init__(soon=Soon(Preparing(lambda: NOW, **bounds), self.endpoint.post_soon), **rest)
        self.body, self.restraints._wall = body, lambda: NOW
        self.tasks[TASK] = DeliveryTask(TASK, None, 300.0, 5, render=self.render)

    def render(self, _rendering, _hook, *_args):
        return Payload(self.body, lambda *_: {"Content-Type": "text/plain"})

    async def deliver(self, *args, **options):
        return await self.send(*args, **options)

    def begin(self, **fields) -> tuple[Owner, Exchange]:
        """Start a call straight."""
        owner = Owner()
        assert self.deliveries.start_straight(call(**fields), owner)
        return owner, self.endpoint.exchanges[-1]

    @property
    def left(self) -> tuple:
        """Return what deliveries have left behind."""
        outputs = self.outputs
        return self.firings.attempts, outputs.stored, outputs.dead, outputs.settled, outputs.ended, self.told


def call(**fields) -> Call:
    return Call("c1", TASK, 0, 0, ["x"], **{"hook_id": HOOK.id, "source": "e:0:0", "webhook_id": "w1"} | fields)


async def test_a_delivery_goes_out_and_is_settled_without_a_task():
    world, tasks = Straight(), asyncio.all_tasks()
    done = tasks_of(TASK, "done")._value.get()
    owner, exchange = world.begin()
    assert (exchange.body, exchange.headers["webhook-id"]) == (b"body", "w1")
    assert (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken, owner.holds) == (1, 1, 1)
    exchange.ended(DELIVERED)
    (attempt,) = world.firings.attempts
    assert (attempt.outcome, attempt.status, attempt.duration_ms, attempt.source) == ("delivered", 200, 7, "e:0:0")
    assert (owner.holds, world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken) == (0, 0, 0)
    assert tasks_of(TASK, "done")._value.get() == done + 1
    assert asyncio.all_tasks() == tasks
    assert world.endpoint.posted == []


async def test_its_times_and_the_deliveries_in_flight_are_measured():
    world, name = Straight(), "streamhooks.measured"
    world.tasks[name] = replace(world.tasks[TASK], name=name)
    owner = Owner()
    assert world.deliveries.start_straight(replace(call(), task=name), owner)
    assert [sum(one._counts.get(name, ())) for one in (QUEUE_SECONDS, TASK_SECONDS)] == [1, 0]
    assert next(iter(IN_FLIGHT.collect())).samples[0].value == 1
    world.endpoint.exchanges[0].ended(DELIVERED)
    assert [sum(one._counts.get(name, ())) for one in (QUEUE_SECONDS, TASK_SECONDS)] == [1, 1]
    assert next(iter(IN_FLIGHT.collect())).samples[0].value == 0


def closed(world: Straight) -> None:
    world.gate.close("rebalance")


def disabled(world: Straight) -> None:
    world.hooks.active = False


def changed(**fields):
    def change(world: Straight) -> None:
        world.hooks.hook = replace(HOOK, **fields)

    return change


def paused(world: Straight) -> None:
    world.restraints._pause(HOOK.id, 5.0, NOW)
    world.told.clear()


def broken(world: Straight) -> None:
    world.hooks.state = lambda _id: HookState(HOOK.id, open_since=NOW)


def full(world: Straight) -> None:
    while world.bulkheads.enter(HOOK.id):
        pass


def all_taken(world: Straight) -> None:
    world.bulkheads._room.add(100)


def unknown_version(world: Straight) -> None:
    object.__setattr__(world.hooks.hook, "version", 7)


def unrenderable(world: Straight) -> None:
    def render(*_args):
        raise KeyError("x")

    world.tasks[TASK] = replace(world.tasks[TASK], render=render)


def too_large(world: Straight) -> None:
    world.body = b"x" * 101


def no_connection(world: Straight) -> None:
    world.endpoint.is_idle = False


def no_delivery(world: Straight) -> None:
    world.fan_out(None, TASK)


UNUSUAL = (
    closed,
    disabled,
    changed(id="b" * 32),
    changed(rate_limit=5.0),
    changed(secret=f"{SEALED}x"),
    paused,
    broken,
    full,
    all_taken,
    changed(version=7),
    unrenderable,
    too_large,
    no_connection,
    no_delivery,
)


@pytest.mark.parametrize("unusual", UNUSUAL)
async def test_what_is_unusual_does_not_go_straight_and_nothing_has_happened(unusual):
    world, owner = Straight(bound=3), Owner()
    unusual(world)
    before = (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken)
    counted = {why: HELD_BACK.labels(why)._value.get() for why in ("sealed", "pause", "breaker", "rate", "disabled")}
    assert not world.deliveries.start_straight(call(), owner)
    assert (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken) == before
    assert {why: HELD_BACK.labels(why)._value.get() for why in counted} == counted
    assert (owner.holds, world.endpoint.exchanges, world.runs.straight) == (1, [], 0)
    assert world.left == ([], [], [], [], [], [])


@pytest.mark.parametrize("fields", [{"size": 20_000}, {"stored": True}, {"hook_id": None}])
async def test_nor_do_calls_that_are_large_or_stored_or_of_no_hook(fields):
    world = Straight()
    assert not world.deliveries.start_straight(call(**fields), Owner())
    assert world.endpoint.exchanges == []


async def test_nor_what_belongs_to_another_worker_now():
    world = Straight()
    assert not world.deliveries.start_straight(call(), Owner(is_void=True))
    assert world.endpoint.exchanges == []


async def test_nor_anything_while_others_wait_for_a_place():
    world = Straight()
    world.bulkheads._room.add(100)
    waiting = asyncio.ensure_future(world.bulkheads.room("b" * 32))
    await asyncio.sleep(0)
    world.bulkheads._room.taken -= 1
    assert not world.deliveries.start_straight(call(), Owner())
    waiting.cancel()


async def test_nor_attempts_of_which_each_has_a_span():
    class Tracing:
        """Makes spans."""

    world = Straight(tracing=Tracing())
    assert not world.deliveries.start_straight(call(), Owner())
    assert world.endpoint.exchanges == []


@pytest.mark.parametrize("is_idle", [True, False])
async def test_whoever_starts_a_call_may_wait_but_need_not(is_idle: bool):
    world, owner = Straight(), Owner()
    world.endpoint.is_idle = is_idle
    await world.runners.start(call(), owner)
    for exchange in world.endpoint.exchanges:
        exchange.ended(DELIVERED)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert (len(world.endpoint.exchanges), len(world.endpoint.posted)) == ((1, 0) if is_idle else (0, 1))
    assert len(world.firings.attempts) == 1


async def test_a_call_that_is_held_by_its_owner_is_released_when_it_has_ended():
    world, owner = Straight(), Owner()
    assert world.runners.start_straight(call(), owner)
    assert owner.holds == 2
    world.endpoint.exchanges[0].ended(DELIVERED)
    assert owner.holds == 1
    world.hooks.active = False
    assert not world.runners.start_straight(call(), owner)
    assert owner.holds == 1


async def test_the_deliveries_of_a_fan_out_go_straight():
    async def hooks():
        return [Delivery(TASK, HOOK.id, [HOOK.id], "issue.created")]

    world, owner = Straight(), Owner()
    world.fan_out(hooks, "streamhooks.find")
    await world.runners.start(Call("c1", "streamhooks.find", 0, 0, source="e:0:0"), owner)
    while not world.endpoint.exchanges:  # noqa: ASYNC110 - for turns of the loop
        await asyncio.sleep(0)
    world.endpoint.exchanges[0].ended(DELIVERED)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.endpoint.posted == []
    assert [attempt.event for attempt in world.firings.attempts] == ["issue.created"]


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
    assert not world.deliveries.start_straight(call(), Owner())


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
