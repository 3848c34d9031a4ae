"""Reads `firings`: adds the attempts to the windows, and keeps the latest attempts of each hook for the views.

A cell is changed in its table at once, where the views read it. Its record in the changelog follows a few seconds
later, and covers all attempts until then. Only when it is confirmed, the records of `firings` are settled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from streamhooks.counting.attempts import Attempts, read
from streamhooks.counting.changelogs import Changed, Changelogs
from streamhooks.counting.counters import Cells, Counters, counts, window
from streamhooks.counting.interval import Interval
from streamhooks.counting.latest import LatestRequests
from streamhooks.counting.recalls import Recalls
from streamhooks.counting.rollups import Rollup
from streamhooks.counting.runs import next_run
from streamhooks.errors import BrokenRecord
from streamhooks.in_flight.again import INTERNAL_ERROR
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.tracker import TP, Ticket, Tracker
from streamhooks.kafka.logs import log_number
from streamhooks.kafka.reader import Batch, Record, reached
from streamhooks.metrics import WINDOWS
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: interval of writing the changed cells, in seconds: one write of a cell covers many attempts
WRITTEN_EVERY = 5.0
#: attempts and records counted, cells written, and runs settled before deliveries get a turn: they run in one loop
COUNTED_AT_ONCE = 100
WRITTEN_AT_ONCE = 100
SETTLED_AT_ONCE = 500
#: interval of the checks for expired windows, in seconds
EXPIRY = 10.0

ReadRange = Callable[[str, int, int, int], Awaitable[list[Record]]]
Bury = Callable[[Record, str, Ticket], None]


def not_known(_tp: TP) -> str:
    """Return no id of a topic."""
    return ""


def _reason(record: Record, error: Exception) -> str:
    """Return why a record can't be counted. If it is not broken, it is a defect of ours, and must not block others."""
    if isinstance(error, BrokenRecord):
        return str(error)
    log.error("%s can't be counted", record.source, exc_info=error)
    return INTERNAL_ERROR


class Table(Cells, Changed, Protocol):
    """The parts of a windowed table that counting needs."""

    def cells(self, text: str, ranges: list[tuple[float, float]]) -> list[Any]:
        """Return the values of one key, one per window."""

    def expire(self) -> int:
        """Remove expired windows; return how many."""

    def __len__(self) -> int: ...


class Counting:
    """Counts the records of `firings`. One per worker."""

    def __init__(
        self,
        tables: dict[Rollup, Table],
        tracker: Tracker,
        gate: Gate,
        read_range: ReadRange,
        bury: Bury,
        clock: Callable[[], float] = steady,
        topic_id: Callable[[TP], str] = not_known,
    ) -> None:
        self._topic_id = topic_id
        self._tables = tables
        self._tracker = tracker
        self._gate = gate
        self._read_range = read_range
        self._bury = bury
        self._clock = clock
        self._counters = Counters(tables)
        self._changelogs = Changelogs()
        self._counted = Interval()
        self._writing = Interval()
        self._flushing = asyncio.Lock()
        self._is_owner = False
        self._recalls = Recalls(self._read_again, self._recall, self._known_below)
        self._known: dict[TP, int] = {}  # the offset below which the ids are known; also of previous partitions
        self.latest = LatestRequests()

    # --- the agent

    async def follow(self, batches: AsyncIterator[Batch]) -> None:
        """Count the records of each batch: the body of the agent. It takes them out of the batch."""
        counted = 0
        async for batch in batches:
            while batch:
                run = next_run(batch)
                counted += len(run)
                counted += self._count(run) if self._is_next(run[0]) else await self._take_up(run)
                if counted >= COUNTED_AT_ONCE:
                    counted = 0
                    await asyncio.sleep(0)

    def _is_next(self, record: Record) -> bool:
        """Tell whether nothing is missing before a record, and nothing has to wait."""
        tp = record[:2]
        return self._tracker.expected(tp) == record.offset and self._recalls.is_over(tp) and self._gate.is_open

    async def _take_up(self, run: list[Record]) -> int:
        """Count the records of a run that were not taken up, and those missing before it; return the attempts."""
        first = run[0]
        tp = (first.topic, first.partition)
        await self._recalls.wait(tp)
        expected, number = self._tracker.expected(tp), self._tracker.number(tp)
        if expected is not None and first.offset > expected and first.assignment == number:
            async for missed in self._read_again(tp, expected, first.offset):
                await self._gate.wait_open()
                self._count([missed._replace(assignment=number)])
        # A record that starts while partitions move would be remembered as counted, but not written. Nothing may come
        # between this and the count: a record left out here would be a hole for the tracker, which settles it.
        await self._gate.wait_open()
        known = self._tracker.next_of(tp, first.assignment)
        left = [] if known is None else run[max(0, known - first.offset) :]
        return self._count(left) if left else 0

    async def _read_again(self, tp: TP, first: int, end: int) -> AsyncIterator[Record]:
        while first < end:
            try:
                records = await self._read_range(*tp, first, end)
            except TimeoutError:
                log.warning("%s:%d: the records from %d on can't be read, will be tried again", *tp, first)
                continue
            first = reached(records, end)
            for record in records:
                yield record

    def _count(self, run: list[Record]) -> int:
        """Count consecutive records of a partition; return their number of attempts."""
        tp, start, number = run[0][:2], run[0].offset, run[0].assignment
        end = start + len(run)
        ticket = self._tracker.start_run(tp, start, end, number)
        if ticket is None:
            return 0
        attempts, log_id = 0, log_number(self._topic_id(tp), tp[1])
        for record in run:
            try:
                found = read(record.value)
                self._counters.add(found.hook_id, found.attempts, record.offset, record.epoch, log_id)
                self.latest.add(found.hook_id, found.value, len(found.attempts))
                attempts += len(found.attempts)
            except Exception as error:
                ticket.hold()
                self._bury(record, _reason(record, error), ticket)
        self._known[tp] = end
        self._counted.tickets.append(ticket)
        self._counted.firsts.setdefault(tp, start)
        return attempts

    # --- writing and expiry

    async def run(self) -> None:
        """Write counts, and remove expired windows, until cancelled."""
        expire_at = self._clock()
        while True:
            await asyncio.sleep(WRITTEN_EVERY)
            await self.flush()
            if self._clock() >= expire_at:
                expire_at = self._clock() + EXPIRY
                for rollup, table in self._tables.items():
                    table.expire()
                    WINDOWS.labels(rollup.name).set(len(table))

    async def flush(self) -> None:
        """Write the changed cells; settle their records when the changelogs are confirmed."""
        # A second flush would settle what the first has written.
        async with self._flushing:
            if self._is_owner:
                await self._flush()

    async def _flush(self) -> None:
        self._join(self._writing)  # a flush that was cancelled
        interval = self._end_interval()
        for table in self._tables.values():
            for _ in range(0, len(table.changed), WRITTEN_AT_ONCE):
                if self._writing is not interval:
                    return  # the partitions were revoked
                if not self._gate.holds_lease:
                    # The next owner counts them. Our write could come after its writes.
                    self._join(interval)
                    return
                self._changelogs.write(table, WRITTEN_AT_ONCE)
                await asyncio.sleep(0)
        await self._changelogs.confirmed()
        if self._writing is interval:
            self._writing = Interval()
            for number, ticket in enumerate(interval.tickets, 1):
                ticket.release()
                if number % SETTLED_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _end_interval(self) -> Interval:
        interval, self._counted = self._counted, Interval()
        interval.ids += self._counters.seen.new()
        self._writing = interval
        return interval

    def _join(self, interval: Interval) -> None:
        """Make an interval that could not be written a part of the current one."""
        self._counted.begin_with(interval)
        self._writing = Interval()

    # --- partitions

    def let_go(self) -> None:
        """Forget what will be counted again, since the partitions were revoked; write no more cells."""
        # Cells stay as they are: they name the last record that they have seen. But if an id of a record that is
        # counted again were known, it would be taken for counted.
        self._is_owner = False
        self._changelogs.drop()
        seen = self._counters.seen
        self._counted.ids += seen.new()
        for interval in (self._writing, self._counted):
            seen.discard(interval.ids)
            for tp, first in interval.firsts.items():
                self._known[tp] = min(self._known.get(tp, 0), first)
        self._writing, self._counted = Interval(), Interval()

    def take_over(self, starts: dict[TP, int]) -> None:
        """Take over partitions, which are read from these offsets; recall what was counted before."""
        self.let_go()
        self._is_owner = True
        for tp, start in starts.items():
            self._begin(tp, start)

    def begin_anew(self, tp: TP, start: int) -> None:
        """Begin a partition that had no answer from the brokers before, or whose log has changed, at this offset.

        What was counted of another log stays counted.
        """
        self._begin(tp, start)

    def _begin(self, tp: TP, start: int) -> None:
        """Know what is below this offset: recall what another owner has counted."""
        for interval in (self._writing, self._counted):
            if tp in interval.firsts:
                interval.firsts[tp] = min(interval.firsts[tp], start)
        is_whole = self.is_whole(tp)
        known = self._known.get(tp, 0) if is_whole else 0
        self._known[tp] = min(known, start)
        if not is_whole or known < start:
            self._recalls.drop({tp})
            self._recalls.begin(tp, start, known)

    def _recall(self, found: Attempts) -> None:
        self._counters.recall(found.attempts)
        self.latest.add(found.hook_id, found.value, len(found.attempts))

    def _known_below(self, tp: TP, offset: int) -> None:
        self._known[tp] = offset

    @property
    def troubles(self) -> list[str]:
        """Return why counting is stuck, one line per partition."""
        return self._recalls.troubles

    def is_whole(self, tp: TP) -> bool:
        """Tell whether what was counted before has been recalled."""
        return self._recalls.is_whole(tp)

    def release(self, mine: set[TP], partition_of: Callable[[str], int]) -> None:
        """Forget all partitions but these, which are still ours."""
        self._recalls.drop(self._recalls.tasks.keys() - mine)
        partitions = {partition for _, partition in mine}
        self.latest.release(lambda hook_id: partition_of(hook_id) not in partitions)

    # --- asking

    def count(self, hook_id: str, rollup: Rollup, starts: list[int]) -> list[tuple[int, int, int]]:
        """Return fired, delivered and failed in each of these buckets."""
        ranges = [window(rollup, start) for start in starts]
        return [counts(cell) for cell in self._tables[rollup].cells(hook_id, ranges)]
