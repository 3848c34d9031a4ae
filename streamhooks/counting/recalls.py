"""What was counted before this worker owned a partition: read again, since without the ids attempts may count twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection

from streamhooks.counting.attempts import Attempts, read
from streamhooks.errors import BrokenRecord
from streamhooks.in_flight.backoff import pause_after
from streamhooks.in_flight.tracker import TP
from streamhooks.kafka.reader import Record

log = logging.getLogger(__name__)

#: records of a partition that are read again when it is taken over, for the ids that were counted
RECALLED = 20_000
#: how many of them are in memory at the same time: for a busy hook, each takes tens of kilobytes
READ_AT_ONCE = 1000
#: attempts recalled before the loop gets a turn
RECALLED_AT_ONCE = 500


class Recalls:
    """Recalls the records of partitions. One per worker.

    `read_again(tp, first, end)` yields the records. `take` gets each of them; `done` gets a partition, and the offset
    below which all were recalled.
    """

    def __init__(
        self,
        read_again: Callable[[TP, int, int], AsyncIterator[Record]],
        take: Callable[[Attempts], None],
        done: Callable[[TP, int], None],
    ) -> None:
        self._read_again = read_again
        self._take = take
        self._done = done
        self.tasks: dict[TP, asyncio.Task[None]] = {}
        self._troubles: dict[TP, str] = {}

    def begin(self, tp: TP, start: int, known: int = 0) -> None:
        """Recall the records of a partition before the offset `start`, except those below `known`."""
        recalling = self._recall_in_the_end(tp, max(0, start - RECALLED, known), start)
        self.tasks[tp] = asyncio.get_running_loop().create_task(recalling)

    def drop(self, tps: Collection[TP]) -> None:
        """Recall nothing more of these partitions."""
        for tp in tps:
            if recall := self.tasks.pop(tp, None):
                recall.cancel()

    def is_over(self, tp: TP) -> bool:
        """Tell whether no recall of a partition is under way."""
        recall = self.tasks.get(tp)
        return recall is None or recall.done()

    async def wait(self, tp: TP) -> None:
        """Wait until the recall of a partition has ended, if there is one."""
        recall = self.tasks.get(tp)
        if recall is not None and not recall.done():
            await asyncio.wait([recall])

    def is_whole(self, tp: TP) -> bool:
        """Tell whether what was counted before has been recalled."""
        recall = self.tasks.get(tp)
        return recall is not None and recall.done() and not recall.cancelled() and recall.exception() is None

    @property
    def troubles(self) -> list[str]:
        """Return why counting is stuck, one line per partition."""
        text = "what was counted before can't be read"
        return [f"{topic}:{number}: {text}: {error}" for (topic, number), error in sorted(self._troubles.items())]

    async def _recall_in_the_end(self, tp: TP, first: int, start: int) -> None:
        failures = 0
        try:
            while True:
                try:
                    return await self._recall(tp, first, start)
                except Exception as error:  # of any kind
                    failures += 1
                    self._troubles[tp] = str(error) or type(error).__name__
                    log.exception("%s:%d: what was counted before can't be read, will be tried again", *tp)
                    await asyncio.sleep(pause_after(failures))
        finally:
            self._troubles.pop(tp, None)

    async def _recall(self, tp: TP, first: int, start: int) -> None:
        attempts = 0
        for begin in range(first, start, READ_AT_ONCE):
            async for record in self._read_again(tp, begin, min(begin + READ_AT_ONCE, start)):
                try:
                    found = read(record.value)
                except BrokenRecord:
                    continue
                self._take(found)
                attempts += len(found.attempts)
                if attempts >= RECALLED_AT_ONCE:
                    attempts = 0
                    await asyncio.sleep(0)  # deliveries run in the same loop
        self._done(tp, start)
