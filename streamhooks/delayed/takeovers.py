"""Taking over partitions of `delayed`, and leaving them, so that the next owner knows whether it was left cleanly.

A worker that has tasks of users writes its mark when it has read a partition, and starts no call of it before the mark
is in the log. It deletes the mark when it leaves. So a mark of another owner means that this one ended uncleanly: it
was killed, it crashed, or it stood still for too long.

Why: docs/decisions/0019-calls-that-end-their-process.md.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from streamhooks.delayed.alone import Alone
from streamhooks.delayed.owner_marks import SUSPECTED, OwnerMarks, key_of, mark_of
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import UNCLEAN_TAKEOVERS
from streamhooks.records.call import ATTEMPT_HEADER

log = logging.getLogger(__name__)

#: how long it may take to leave all partitions, in seconds: in a rebalance, all workers wait for the slowest one
LEAVING = 0.5
#: how long a mark may take to be read back until it is written again, in seconds
READ_BACK = 1.0


class Takeovers:
    """The partitions of one worker, from when they are assigned until they are revoked.

    `is_read` tells whether a partition has been read to its end. `publish` writes to `delayed`: a value, with key,
    partition and headers. `has_tasks` tells whether this worker has tasks of users. `clock` gives epoch seconds.
    """

    def __init__(
        self,
        marks: OwnerMarks,
        alone: Alone,
        publish: Callable[..., Awaitable[Any]],
        *,
        is_read: Callable[[int], bool],
        has_tasks: bool,
        clock: Callable[[], float],
    ) -> None:
        self._marks = marks
        self.alone = alone
        self._publish = publish
        self._is_read = is_read
        self._has_tasks = has_tasks
        self._clock = clock
        #: what marks call this worker
        self.me = uuid.uuid4().hex
        self._assigned: set[int] = set()
        self._known: set[int] = set()  # of which it is known how the former owner ended
        self._marked: set[int] = set()
        self._writing: dict[int, asyncio.Task[None]] = {}

    def take_over(self, partitions: Iterable[int]) -> None:
        """Take the partitions that were assigned."""
        self._assigned |= set(partitions)

    def release(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another worker owns now."""
        gone = set(partitions)
        self._assigned -= gone
        self._known -= gone
        self._marked -= gone
        for partition in gone:
            self._marks.forget(partition)
        self.alone.release()

    def is_ready(self, partition: int) -> bool:
        """Tell whether calls of a partition may start."""
        if not self._is_read(partition):
            return False
        return partition in self._marked or not self._has_tasks

    def look(self) -> None:
        """Write what is to be written of partitions that were read; never waits."""
        if not self._has_tasks:
            return
        self.alone.look()
        for partition in self._assigned:
            if not self._is_read(partition):
                continue
            owner = self._marks.owner_of(partition)
            if partition not in self._known:
                self._known.add(partition)
                if owner not in (None, self.me):
                    self._suspect(partition, is_new=owner != SUSPECTED)
            if owner == self.me:
                self._marked.add(partition)
            elif partition not in self._writing:
                # Again, if a former owner that was late has deleted it.
                self._write(partition)

    def _suspect(self, partition: int, *, is_new: bool) -> None:
        if is_new:
            UNCLEAN_TAKEOVERS.inc()
        if self.alone.suspect(partition, int(self._clock() * 1000)):
            why = "its former owner ended uncleanly" if is_new else "not all of them have done so that were to"
            log.warning("users' calls of partition %s of delayed that are due run alone: %s", shown(partition), why)

    def _write(self, partition: int) -> None:
        value = mark_of(partition, self.me, int(self._clock() * 1000))
        write = self._publish(value, key=key_of(partition), partition=partition)
        self._writing[partition] = asyncio.ensure_future(self._written(partition, write))

    async def _written(self, partition: int, write: Awaitable[Any]) -> None:
        try:
            await write
            await asyncio.sleep(READ_BACK)
        except Exception as error:
            log.warning("the mark of an owner can't be written: %s", shown(error, LONGEST_TEXT))
        finally:
            self._writing.pop(partition, None)

    async def leave(self) -> None:
        """Take back what says that a run goes on, then the marks: what follows is a clean end.

        To be called when nothing runs or starts any more, and while the partitions are still ours.
        """
        marked, self._assigned = self._assigned & (self._marked | self._writing.keys()), set()
        try:
            async with asyncio.timeout(LEAVING):
                await self.alone.take_back()
                await asyncio.gather(*(self._leave(partition) for partition in marked))
        except Exception as error:
            # The next owner takes this for a crash, which costs it time.
            log.warning(
                "not all partitions of delayed could be left: %s", shown(error or "Kafka does not answer", LONGEST_TEXT)
            )

    async def _leave(self, partition: int) -> None:
        # A mark that has to be written again would come after what is written here.
        if (writing := self._writing.get(partition)) is not None:
            writing.cancel()
        now, headers = int(self._clock() * 1000), []
        value = mark_of(partition, SUSPECTED, now) if self.alone.is_suspected(partition) else None
        if value is None:
            headers.append((ATTEMPT_HEADER, str(max(1, now)).encode()))
        await self._publish(value, key=key_of(partition), partition=partition, headers=headers)
