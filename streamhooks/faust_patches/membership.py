"""Whether the group still knows this member, when nobody asks aiokafka for records and so nobody hears of its errors.

aiokafka keeps an error of its coordination until records are asked for through its client, and does nothing more for
the group until then: no heartbeat, no line in the log. We fetch elsewhere, so we ask for its errors here. Nor does it
notice that the task has ended that asks for metadata, and whoever waits for some waits for ever: it is started again.

A member that stays silent although the coordinator answers will not come back by itself: the worker ends, and whoever
runs it starts it again. Where Kafka itself is away it is waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError
from confluent_kafka import ConsumerGroupState, KafkaException

from streamhooks.kafka.asking import KeptAdmin
from streamhooks.masking import shown
from streamhooks.settings import Settings

log = logging.getLogger(__name__)

#: how often an error is looked for, in seconds
LOOK = 1.0
#: a rebalance may take 60 s, in which no heartbeat is sent: who is silent for longer is asked about, in seconds
SILENT = 75.0
#: how often the coordinator is asked then, in seconds, and after how many answers in a row the worker ends
ASK, ENOUGH = 10.0, 6

_MOVING = (ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING)


class Coordinator:
    """Asks the coordinator of a group; blocks for a few seconds at most."""

    def __init__(self, settings: Settings, group: str, timeout: float = 5.0) -> None:
        self._group = group
        self._timeout = timeout
        self._admin = KeptAdmin(settings)

    def answers(self) -> bool:
        """Whether the coordinator answers, and is not waiting for members of the group."""
        try:
            found = self._admin.get().describe_consumer_groups([self._group], request_timeout=self._timeout)
            (asked,) = found.values()
            state = asked.result(self._timeout).state
        except (KafkaException, TimeoutError):
            self._admin.forget()
            return False
        return state not in _MOVING


def take_error(coordinator: Any) -> None:
    """Have aiokafka's coordinator of a group go on after an error that it keeps for the user.

    Raises: what ended its coordination for good.
    """
    try:
        coordinator.check_errors()
    except Exception as error:  # it keeps whatever ended its heartbeats
        if coordinator._coordination_task.done():
            raise
        log.error("the group %s is joined again, after: %s", shown(coordinator.group_id), shown(repr(error)))
        coordinator.request_rejoin()


def keep_metadata(client: Any) -> None:
    """Have aiokafka's client go on asking for metadata after an error that ended its task."""
    task: asyncio.Task[None] | None = client._sync_task
    if task is not None and task.done():
        why = "it was cancelled" if task.cancelled() else repr(task.exception())
        log.error("metadata is asked for again, after: %s", shown(why))
        client._sync_task = asyncio.create_task(client._md_synchronizer())


def standing(task: asyncio.Task[Any]) -> str:
    """Where a task that waits stands, from the outside to the inside: for whoever wonders why it does not go on."""
    places: list[str] = []
    inner: Any = task.get_coro()
    while (frame := getattr(inner, "cr_frame", None)) is not None:
        places.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        inner = getattr(inner, "cr_await", None)
    return " > ".join(places)


async def watch(
    silence: Callable[[], float],
    answers: Callable[[], Awaitable[bool]],
    take: Callable[[], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Return, when the member can't come back, why; until then, for ever, have its coordinator go on after errors.

    `silence` gives the seconds since the last heartbeat, `answers` whether the coordinator answers, and `take` raises
    what ended the coordination for good.
    """
    in_a_row = 0
    while True:
        try:
            take()
        except KafkaError as error:
            return f"the group can't be joined any more: {error!r}"
        if silence() < SILENT:
            in_a_row = 0
            await sleep(LOOK)
            continue
        in_a_row = in_a_row + 1 if await answers() else 0
        if in_a_row >= ENOUGH:
            return f"no heartbeat for {silence():.0f} s, although the coordinator of the group answers"
        await sleep(ASK)
