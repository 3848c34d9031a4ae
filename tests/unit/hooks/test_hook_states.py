"""What is written when something is found about a hook, and which notices come of it."""

from __future__ import annotations

import asyncio
from typing import Any

from streamhooks.hooks.states import MOST_OPENED, WITHIN, HookStates
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.notice import Notice

TOPICS = Topics("t.")
NOW = 1_700_000_000.0


def hook_id(number: int) -> str:
    return f"{number:032x}"


class World:
    """An owner whose writes its own table reads at once; `notices` are those that it wrote."""

    def __init__(self, hooks: int = 1, **fields: Any) -> None:
        self.now = NOW
        self.table = HooksTable(TOPICS.hooks, TOPICS.hook_states)
        self.table.go_live()
        self.notices: list[Notice] = []
        self.states = HookStates(self, TOPICS, self.table, self, lambda: self.now)  # type: ignore[arg-type]
        for number in range(hooks):
            given = {"id": hook_id(number), "organization_id": "1", "url": "https://e.test/", "secret": "x" * 16}
            hook = Hook.from_fields({**given, "events": ["event.created"], **fields})
            self.table.apply([Record(TOPICS.hooks, 0, number, 0, hook.id.encode(), hook.to_json())])

    async def publish(self, topic: str, value: bytes | None, *, key: str) -> Published:
        if topic == TOPICS.notices:
            self.notices.append(decode(Notice, value))
        else:
            self.table.apply([Record(topic, 0, 0, 0, key.encode(), value)])
        return Published(topic, 0, 0)

    async def wait_applied(self, *_place: object) -> None:
        pass

    async def opens(self, number: int = 0) -> None:
        await self.states.note(hook_id(number), "breaker", {"open_since": self.now - 1})

    async def closes(self, number: int = 0) -> None:
        await self.states.note(hook_id(number), "closed", {"open_since": None})


async def test_an_opening_is_written_and_noticed_once_whoever_tells_it() -> None:
    world = World()
    await asyncio.gather(world.opens(), world.opens(), world.opens())
    (notice,) = world.notices
    assert (notice.hook_id, notice.what, notice.since) == (hook_id(0), "breaker_opened", NOW - 1)
    assert notice.at == int(NOW * 1000)
    assert "until a probe succeeds" in notice.why


async def test_a_breaker_that_opens_and_closes_all_the_time_is_noticed_once_per_hour_also_by_another_owner() -> None:
    world = World()
    for _ in range(60):
        await world.opens()
        await world.closes()
        world.now += 59
        # Its owner is another worker from now on, which knows what the topic says.
        world.states = HookStates(world, TOPICS, world.table, world, lambda: world.now)  # type: ignore[arg-type]
    assert len(world.notices) == 1
    world.now += 60
    await world.opens()
    assert len(world.notices) == 2


async def test_when_all_endpoints_fail_at_once_the_notices_have_a_bound() -> None:
    world = World(MOST_OPENED + 50)
    for number in range(MOST_OPENED + 50):
        await world.opens(number)
    assert len(world.notices) == MOST_OPENED
    # A breaker without a notice gets one when it opens again.
    world.now += WITHIN
    left_out = MOST_OPENED + 1
    state = world.table.state(hook_id(left_out))
    assert state is not None
    assert (state.open_since, state.breaker_told_at) == (NOW - 1, None)
    for number in (0, left_out):
        await world.closes(number)
        await world.opens(number)
    assert [notice.hook_id for notice in world.notices[MOST_OPENED:]] == [hook_id(left_out)]


async def test_the_breaker_of_a_disabled_hook_is_nobodys_news() -> None:
    world = World(status="disabled")
    await world.opens()
    assert world.notices == []
    state = world.table.state(hook_id(0))
    assert state is not None
    assert state.open_since == NOW - 1
