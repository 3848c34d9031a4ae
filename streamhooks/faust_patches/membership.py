"""Whether the group still knows this member, although nothing polls aiokafka and its errors would go unnoticed.

aiokafka keeps an error of its group coordination until records are polled. Until then it does nothing for the group:
no heartbeat, no log line. We fetch by other clients, so we check for its errors here. Nor does aiokafka notice when its
metadata task has ended, and then waits for metadata forever, so we restart that task.

A member that stays silent while the coordinator answers will not recover by itself: the worker ends, and its supervisor
restarts it. While Kafka itself is away, we wait.
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

#: polling interval for errors, in seconds
LOOK = 1.0
#: seconds of silence before the coordinator is asked; a rebalance may take 60 s without a heartbeat
SILENT = 75.0
#: how often it is asked then, in seconds, and after how many answers in a row the worker ends
ASK, ENOUGH = 10.0, 6

_MOVING = (ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING)


class Coordinator:
    """Asks for a group's coordinator; each call blocks for a few seconds at most."""

    def __init__(self, settings: Settings, group: str, timeout: float = 5.0) -> None:
        self._group = group
        self._timeout = timeout
        self._admin = KeptAdmin(settings)

    def answers(self) -> bool:
        """Tell whether the coordinator answers, and is not in a rebalance."""
        try:
            found = self._admin.get().describe_consumer_groups([self._group], request_timeout=self._timeout)
            (asked,) = found.values()
            state = asked.result(self._timeout).state
        except (KafkaException, TimeoutError):
            self._admin.forget()
            return False
        return state not in _MOVING


def take_error(coordinator: Any) -> None:
    """Let aiokafka's group coordinator continue after an error that it keeps for a poll.

    Raises: the error that has ended its coordination for good.
    """
    try:
        coordinator.check_errors()
    except Exception as error:  # whatever ended its heartbeats
        if coordinator._coordination_task.done():
            raise
        log.error("rejoining the group %s, after: %s", shown(coordinator.group_id), shown(repr(error)))
        coordinator.request_rejoin()


def keep_metadata(client: Any) -> None:
    """Restart the metadata task of aiokafka's client if an error has ended it."""
    task: asyncio.Task[None] | None = client._sync_task
    if task is not None and task.done():
        why = "it was cancelled" if task.cancelled() else repr(task.exception())
        log.error("restarting the metadata requests, after: %s", shown(why))
        client._sync_task = asyncio.create_task(client._md_synchronizer())


def standing(task: asyncio.Task[Any]) -> str:
    """Return where a waiting task stands, from the outermost frame inwards, to explain why it hangs."""
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
    """Keep the coordinator going after errors; return the reason once the member can't rejoin the group.

    `silence` returns the seconds since the last heartbeat, `answers` whether the coordinator answers, and `take` raises
    the error that has ended the coordination for good.
    """
    in_a_row = 0
    while True:
        try:
            take()
        except KafkaError as error:
            return f"the group can't be rejoined: {error!r}"
        if silence() < SILENT:
            in_a_row = 0
            await sleep(LOOK)
            continue
        in_a_row = in_a_row + 1 if await answers() else 0
        if in_a_row >= ENOUGH:
            return f"no heartbeat for {silence():.0f} s, although the group's coordinator answers"
        await sleep(ASK)
