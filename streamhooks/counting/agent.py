"""Reads `firings`: adds the attempts to the windows, and keeps the latest attempts of each hook for the views."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from streamhooks.counting.counters import Counters, counts, window
from streamhooks.counting.latest import LatestRequests
from streamhooks.counting.recalls import Recalls
from streamhooks.counting.rollups import Rollup
from streamhooks.errors import BrokenRecord, RecordTooLarge
from streamhooks.in_flight.again import INTERNAL_ERROR
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.tracker import TP, Ticket, Tracker
from streamhooks.kafka.logs import log_number
from streamhooks.kafka.reader import Record, reached
from streamhooks.metrics import UNPUBLISHABLE, WINDOWS
from streamhooks.records.firing import Firing
from streamhooks.records.formats import decode
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: how long counts are collected before they are written, in seconds: one write of a cell covers many attempts
GATHERED = 0.5
#: attempts counted, and cells written, before deliveries get a turn, since they run in the same loop
COUNTED_AT_ONCE = 25
WRITTEN_AT_ONCE = 25
#: interval of the checks for expired windows, in seconds
EXPIRY = 10.0

ReadRange = Callable[[str, int, int, int], Awaitable[list[Record]]]
Bury = Callable[[Record, str, Ticket], None]


def not_known(_tp: TP) -> str:
    """Return no id of a topic."""
    return ""


class Table(Protocol):
    """The parts of a windowed table that counting needs."""

    def cells(self, text: str, ranges: list[tuple[float, float]]) -> list[Any]:
        """Return the values of one key, one per window."""

    def expire(self) -> int:
        """Remove expired windows; return how many."""

    def unconfirmed(self) -> dict[Any, Any]:
        """Return the writes since the last call."""

    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __getitem__(self, key: Any) -> Any: ...
    def __len__(self) -> int: ...


@dataclass(slots=True)
class _Interval:
    """What was counted between two flushes, and is not settled. Its ids are known at its end; see `Seen.new`."""

    tickets: list[Ticket] = field(default_factory=list)
    firsts: dict[TP, int] = field(default_factory=dict)  # the first offset per partition
    ids: list[int] = field(default_factory=list)


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
        self._counters = Counters(self._cell_of)
        self._counted = _Interval()
        self._writing = _Interval()
        self._flushing = asyncio.Lock()
        self._recalls = Recalls(self._read_again, self._recall, self._known_below)
        self._unconfirmed: list[Future[Any]] = []
        self._known: dict[TP, int] = {}  # the offset below which the ids are known; also of previous partitions
        self.latest = LatestRequests()

    # --- the agent

    async def follow(self, records: AsyncIterator[Record]) -> None:
        """Count each record: the body of the agent."""
        counted = 0
        async for record in records:
            counted += await self._take_up(record)
            if counted >= COUNTED_AT_ONCE:
                counted = 0
                await asyncio.sleep(0)

    async def _take_up(self, record: Record) -> int:
        """Count a record; return its number of attempts."""
        tp = (record.topic, record.partition)
        await self._recalls.wait(tp)
        expected, number = self._tracker.expected(tp), self._tracker.number(tp)
        if expected is not None and record.offset > expected and record.assignment == number:
            async for missed in self._read_again(tp, expected, record.offset):
                await self._gate.wait_open()
                self._count(missed._replace(assignment=number))
        # A record that starts while partitions move would be remembered as counted, but not written. Nothing may come
        # between this and the count: a record left out here would be a hole for the tracker, which settles it.
        await self._gate.wait_open()
        return self._count(record)

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

    def _count(self, record: Record) -> int:
        tp = (record.topic, record.partition)
        ticket = self._tracker.start(tp, record.offset, record.assignment)
        if ticket is None:
            return 0
        try:
            firing = decode(Firing, record.value)
            self._counters.add(
                firing.hook_id, firing.attempts, record.offset, record.epoch, log_number(self._topic_id(tp), tp[1])
            )
        except BrokenRecord as error:
            self._bury(record, str(error), ticket)
            return 0
        except Exception:  # a defect of ours: one record must not block the others
            log.exception("%s can't be counted", record.source)
            self._bury(record, INTERNAL_ERROR, ticket)
            return 0
        self._known[tp] = record.offset + 1
        self.latest.add(firing.hook_id, firing.attempts)
        self._counted.tickets.append(ticket)
        self._counted.firsts.setdefault(tp, record.offset)
        return len(firing.attempts)

    def _cell_of(self, rollup: Rollup, hook_id: str, bucket: tuple[float, float]) -> list[int] | None:
        cell: list[int] | None = self._tables[rollup].cells(hook_id, [bucket])[0]
        return cell

    # --- writing and expiry

    async def run(self) -> None:
        """Write counts, and remove expired windows, until cancelled."""
        expire_at = self._clock()
        while True:
            await asyncio.sleep(GATHERED)
            await self.flush()
            if self._clock() >= expire_at:
                expire_at = self._clock() + EXPIRY
                for rollup, table in self._tables.items():
                    table.expire()
                    WINDOWS.labels(rollup.name).set(len(table))

    async def flush(self) -> None:
        """Write the changed cells; settle their records when the changelogs are confirmed."""
        # A second flush would take the confirmations that the first must wait for.
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        self._join(self._writing)  # a flush that was cancelled
        interval = self._end_interval()
        tickets = interval.tickets
        left = self._counters.changed
        while True:
            if self._writing is not interval:
                return  # the partitions were taken over meanwhile
            if any(ticket.is_void for ticket in tickets):
                # The partitions were revoked: the records are counted again, based on the cells of that time.
                self._drop_unsettled()
                return
            if not self._gate.holds_lease:
                # The next owner counts them. Our write could come after its writes.
                self._join(interval)
                return
            if left <= 0:
                break
            for (rollup, hook_id, bucket), cell in self._counters.changes(WRITTEN_AT_ONCE).items():
                self._tables[rollup][hook_id, bucket] = cell
            left -= WRITTEN_AT_ONCE
            await asyncio.sleep(0)
        self._unconfirmed += [future for table in self._tables.values() for future in table.unconfirmed().values()]
        for future in self._unconfirmed:
            # Records written together are confirmed together, so only a few need a separate wait.
            if not future.done():
                await asyncio.wait([asyncio.wrap_future(future)])
            if future.cancelled() or self._writing is not interval:
                return  # the partitions were taken over meanwhile
            try:
                future.result()
            except RecordTooLarge:
                UNPUBLISHABLE.labels("changelog").inc()
        for ticket in tickets:
            ticket.release()
        self._writing, self._unconfirmed = _Interval(), []

    def _end_interval(self) -> _Interval:
        interval, self._counted = self._counted, _Interval()
        interval.ids += self._counters.seen.new()
        self._writing = interval
        return interval

    def _join(self, interval: _Interval) -> None:
        """Make an interval that could not be written a part of the current one."""
        current = self._counted
        current.tickets = interval.tickets + current.tickets
        current.firsts |= interval.firsts
        current.ids = interval.ids + current.ids
        self._writing = _Interval()

    # --- partitions

    def take_over(self, starts: dict[TP, int]) -> None:
        """Take over partitions, which are read from these offsets; recall what was counted before."""
        # What was counted but not settled is counted again by the new owner of its partition. Cells that the broker has
        # not accepted yet must not come after those of the new owner.
        self._drop_unsettled()
        for future in self._unconfirmed:
            future.cancel()
        self._unconfirmed = []
        for tp, start in starts.items():
            self._begin(tp, start)

    def begin_anew(self, tp: TP, start: int) -> None:
        """Begin a partition late, or one whose log has changed, at this offset; what was counted stays counted."""
        self._begin(tp, start)

    def _begin(self, tp: TP, start: int) -> None:
        """Know what is below this offset: recall what another owner has counted."""
        is_whole = self.is_whole(tp)
        known = self._known.get(tp, 0) if is_whole else 0
        self._known[tp] = min(known, start)
        if not is_whole or known < start:
            self._recalls.drop({tp})
            self._recalls.begin(tp, start, known)

    def _drop_unsettled(self) -> None:
        """Forget what will be counted again: if its ids were known, it would be taken for counted."""
        self._counters.drop_changes()
        seen = self._counters.seen
        self._counted.ids += seen.new()
        for interval in (self._writing, self._counted):
            seen.discard(interval.ids)
            for tp, first in interval.firsts.items():
                self._known[tp] = min(self._known.get(tp, 0), first)
        self._writing, self._counted = _Interval(), _Interval()

    def _recall(self, firing: Firing) -> None:
        self._counters.recall(firing.attempts)
        self.latest.add(firing.hook_id, firing.attempts)

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
