"""Tells all workers which tasks of users the owner of each partition of `delayed` knows, if that is this worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from streamhooks.delayed.known_tasks import KnownTasks, key_of, value_of
from streamhooks.errors import RecordTooLarge
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.tasks.lanes import task_lane
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: seconds between two looks, and until a record that was not read back is written again
LOOK: Final = 1.0
AGAIN: Final = 10.0

Publish = Callable[[str, bytes], Awaitable[Any]]
"""Writes a record of `hook-states` with this key and value."""


class Announcing:
    """Writes what this worker knows, wherever the records say otherwise; so a late one of a former owner holds briefly.

    `mine` gives the partitions of `delayed` that this worker owns now, `tasks` the names of all tasks that it knows.
    """

    def __init__(
        self,
        known: KnownTasks,
        publish: Publish,
        mine: Callable[[], Iterable[int]],
        tasks: Iterable[str],
        clock: Callable[[], float] = steady,
    ) -> None:
        self._known = known
        self._publish = publish
        self._mine = mine
        self._tasks = tasks
        self._clock = clock
        self._written: dict[int, float] = {}

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Write the records about our partitions that do not say what this worker knows."""
        tasks = frozenset(task for task in self._tasks if task_lane(task).is_of_users)
        mine = set(self._mine())
        self._written = {partition: at for partition, at in self._written.items() if partition in mine}
        for partition in sorted(mine):
            now = self._clock()
            if self._known.of(partition) == tasks or now - self._written.get(partition, -AGAIN) < AGAIN:
                continue
            self._written[partition] = now
            try:
                await self._publish(key_of(partition), value_of(tasks))
            except RecordTooLarge as error:
                log.error("other workers can't know our tasks, there are too many: %s", shown(error, LONGEST_TEXT))
