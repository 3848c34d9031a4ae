"""`firings`: adds the attempts to the windows, and keeps the latest of each hook for the views."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Protocol

from streamhooks.counting.counters import Counters, counts, window
from streamhooks.counting.latest import LatestRequests
from streamhooks.counting.rollups import Rollup
from streamhooks.errors import BrokenRecord, RecordTooLarge
from streamhooks.in_flight.again import INTERNAL_ERROR
from streamhooks.in_flight.backoff import pause_after
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.tracker import TP, Ticket, Tracker
from streamhooks.kafka.logs import log_number
from streamhooks.kafka.reader import Record, reached
from streamhooks.metrics import UNPUBLISHABLE, WINDOWS
from streamhooks.records.firing import Firing
from streamhooks.records.formats import decode
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: how long counts are gathered before they are written, in seconds: a cell is written once for many attempts
GATHERED = 0.5
#: how many attempts are counted, and cells written, until deliveries get a turn: they run in the same loop
COUNTED_AT_ONCE = 25
WRITTEN_AT_ONCE = 25
#: how often expired windows are looked for, in seconds
EXPIRY = 10.0
#: how many records of a partition are read again when it is taken over, for the ids that were counted
RECALLED = 20_000
#: how many of them are in memory at the same time: on a busy hook each holds tens of kilobytes
READ_AT_ONCE = 1000
#: after how many attempts the loop gets a turn
RECALLED_AT_ONCE = 500

ReadRange = Callable[[str, int, int, int], Awaitable[list[Record]]]
Bury = Callable[[Record, str, Ticket], None]


def not_known(_tp: TP) -> str:
    """Return no id of a topic."""
    return ""


class Table(Protocol):
    """A windowed table, as far as counting needs it."""

    def cells(self, text: str, ranges: list[tuple[float, float]]) -> list[Any]:
        """The values of one text in each window."""

    def expire(self) -> int:
        """Forget what is no longer kept."""

    def unconfirmed(self) -> dict[Any, Any]:
        """The writes since this was asked last."""

    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __getitem__(self, key: Any) -> Any: ...
    def __len__(self) -> int: ...


class Counting:
    """Follows `firings`; one for the worker."""

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
        self._tickets: list[Ticket] = []
        self._flushing = asyncio.Lock()
        self._recalls: dict[TP, asyncio.Task[None]] = {}
        self._troubles: dict[TP, str] = {}
        self._unconfirmed: list[Future[Any]] = []
        self._known: dict[TP, int] = {}  # the offset before which the ids are known; also of former partitions
        self.latest = LatestRequests()

    # --- the agent

    async def follow(self, records: AsyncIterator[Record]) -> None:
        """Count each record; the body of the agent."""
        counted = 0
        async for record in records:
            counted += await self._take_up(record)
            if counted >= COUNTED_AT_ONCE:
                counted = 0
                await asyncio.sleep(0)

    async def _take_up(self, record: Record) -> int:
        """Count a record; return how many attempts that were."""
        tp = (record.topic, record.partition)
        # What starts while partitions move would be remembered as counted, and not be written.
        await self._gate.wait_open()
        recall = self._recalls.get(tp)
        if recall is not None and not recall.done():
            await asyncio.wait([recall])
        expected, number = self._tracker.expected(tp), self._tracker.number(tp)
        if expected is not None and record.offset > expected and record.assignment == number:
            async for missed in self._read_again(tp, expected, record.offset):
                self._count(missed._replace(assignment=number))
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
        if not self._gate.is_open:
            return 0
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
        except Exception:  # of ours: one record must not hold up the others
            log.exception("%s can't be counted", record.source)
            self._bury(record, INTERNAL_ERROR, ticket)
            return 0
        self._known[tp] = record.offset + 1
        self.latest.add(firing.hook_id, firing.attempts)
        self._tickets.append(ticket)
        return len(firing.attempts)

    def _cell_of(self, rollup: Rollup, hook_id: str, bucket: tuple[float, float]) -> list[int] | None:
        cell: list[int] | None = self._tables[rollup].cells(hook_id, [bucket])[0]
        return cell

    # --- writing and expiry

    async def run(self) -> None:
        """Write what was counted, and forget what expired, for ever."""
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
        """Write the cells that changed; settle their records when the changelogs are confirmed."""
        # Whoever came between would take the confirmations that the other has to wait for.
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        tickets, self._tickets = self._tickets, []
        left = self._counters.changed
        while True:
            if any(ticket.is_void for ticket in tickets):
                # The partitions were taken from us: it is counted again, on what there is by then.
                self._counters.drop_changes()
                return
            if not self._gate.holds_lease:
                # The next owner counts it; what we would write may come after what it writes.
                self._tickets = tickets + self._tickets
                return
            if left <= 0:
                break
            for (rollup, hook_id, bucket), cell in self._counters.changes(WRITTEN_AT_ONCE).items():
                self._tables[rollup][hook_id, bucket] = cell
            left -= WRITTEN_AT_ONCE
            await asyncio.sleep(0)
        self._unconfirmed = [future for table in self._tables.values() for future in table.unconfirmed().values()]
        for future in self._unconfirmed:
            # Those that are written together are confirmed together: few are left to wait for one by one.
            if not future.done():
                await asyncio.wait([asyncio.wrap_future(future)])
            if future.cancelled():
                return  # the partitions were taken from us
            try:
                future.result()
            except RecordTooLarge:
                UNPUBLISHABLE.labels("changelog").inc()
        for ticket in tickets:
            ticket.release()

    # --- partitions

    def take_over(self, starts: dict[TP, int]) -> None:
        """These partitions are read from these offsets on: recall what was counted before."""
        # What was counted and not settled is counted again, by whoever has its partition now: cells that the broker
        # has not taken yet must not come after those of that one.
        self._counters.drop_changes()
        for future in self._unconfirmed:
            future.cancel()
        self._tickets = []
        if any(self._known.get(tp, 0) > start for tp, start in starts.items()):
            self._counters.forget()
            self._known.clear()
            self._drop_recalls(set(self._recalls))
            self.latest.release(lambda _hook_id: True)
        for tp, start in starts.items():
            known = self._known.get(tp, 0) if self.is_whole(tp) else 0
            if known == start and self.is_whole(tp):
                continue
            self._drop_recalls({tp})
            first = max(0, start - RECALLED, known)
            self._recalls[tp] = asyncio.get_running_loop().create_task(self._recall_in_the_end(tp, first, start))

    def begin_anew(self, tp: TP, start: int) -> None:
        """The log of this partition is not as it was left, and is read from here on; what was counted was counted."""
        self._known[tp] = start
        if tp not in self._recalls:
            recalling = self._recall_in_the_end(tp, max(0, start - RECALLED), start)
            self._recalls[tp] = asyncio.get_running_loop().create_task(recalling)

    def _drop_recalls(self, tps: set[TP]) -> None:
        for tp in tps:
            if recall := self._recalls.pop(tp, None):
                recall.cancel()

    async def _recall_in_the_end(self, tp: TP, first: int, start: int) -> None:
        """Recall, again as long as it fails: what is counted without the ids may be counted twice."""
        failures = 0
        try:
            while True:
                try:
                    return await self._recall(tp, first, start)
                except Exception as error:  # whatever it is
                    failures += 1
                    self._troubles[tp] = str(error) or type(error).__name__
                    log.exception("%s:%d: what was counted before can't be read, will be tried again", *tp)
                    await asyncio.sleep(pause_after(failures))
        finally:
            self._troubles.pop(tp, None)

    @property
    def troubles(self) -> list[str]:
        """Why it does not go on, a line per partition."""
        text = "what was counted before can't be read"
        return [f"{topic}:{number}: {text}: {error}" for (topic, number), error in sorted(self._troubles.items())]

    async def _recall(self, tp: TP, first: int, start: int) -> None:
        attempts = 0
        for begin in range(first, start, READ_AT_ONCE):
            async for record in self._read_again(tp, begin, min(begin + READ_AT_ONCE, start)):
                try:
                    firing = decode(Firing, record.value)
                except BrokenRecord:
                    continue
                self._counters.recall(firing.attempts)
                self.latest.add(firing.hook_id, firing.attempts)
                attempts += len(firing.attempts)
                if attempts >= RECALLED_AT_ONCE:
                    attempts = 0
                    await asyncio.sleep(0)  # deliveries run in the same loop
        self._known[tp] = start

    def is_whole(self, tp: TP) -> bool:
        """Whether what was counted before is recalled."""
        recall = self._recalls.get(tp)
        return recall is not None and recall.done() and not recall.cancelled() and recall.exception() is None

    def release(self, mine: set[TP], partition_of: Callable[[str], int]) -> None:
        """Only these partitions are ours now."""
        self._drop_recalls(self._recalls.keys() - mine)
        partitions = {partition for _, partition in mine}
        self.latest.release(lambda hook_id: partition_of(hook_id) not in partitions)

    # --- asking

    def count(self, hook_id: str, rollup: Rollup, starts: list[int]) -> list[tuple[int, int, int]]:
        """Fired, delivered and failed in each of these buckets."""
        ranges = [window(rollup, start) for start in starts]
        return [counts(cell) for cell in self._tables[rollup].cells(hook_id, ranges)]
