"""What the agents of all source topics do with a record: detect a hole, decode, start its calls, settle.

Why: docs/decisions/0017-delivery-in-the-agent.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from streamhooks.errors import BrokenRecord, RegistryAway
from streamhooks.in_flight.again import INTERNAL_ERROR
from streamhooks.in_flight.tracker import TP, Ticket, Tracker
from streamhooks.kafka.reader import TURN, Batch, Record, reached
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import HOLES, TOMBSTONES, UNSETTLED, records_of
from streamhooks.records.registry import SchemaRegistry
from streamhooks.records.weight import weight
from streamhooks.sources.origin import Origin, Origins
from streamhooks.tasks.call import Call
from streamhooks.tasks.outputs import Outputs, burying
from streamhooks.webhooks.runners import Runners

if TYPE_CHECKING:
    from streamhooks.tasks.tracing import Tracing

log = logging.getLogger(__name__)


CallsOf = Callable[[Record, Origin], list[Call]]
#: what must be awaited
Rest = Coroutine[Any, Any, None]
ReadRange = Callable[[str, int, int, int], Awaitable[list[Record]]]


class Intake:
    """Takes up records of the source topics. One per worker."""

    def __init__(
        self,
        tracker: Tracker,
        runners: Runners,
        outputs: Outputs,
        *,
        read_range: ReadRange,
        is_natural_hole: Callable[[TP, int, int], bool],
        origins: Origins,
        registry: SchemaRegistry | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracker = tracker
        self._runners = runners
        # Computed when the metrics are read: cheaper than an update per record, and also right after a record is
        # settled.
        UNSETTLED.set_function(lambda: tracker.in_flight)
        self._outputs = outputs
        self._read_range = read_range
        self._is_natural_hole = is_natural_hole
        self._origins = origins
        self._registry = registry
        self._tracing = tracing

    async def follow(self, batches: AsyncIterator[Batch], calls_of: CallsOf) -> None:
        """Take up the records of each batch; the body of an agent. It waits only where something has to wait."""
        taken = 0
        async for batch in batches:
            while batch:
                rest = self._take_up(batch.popleft(), calls_of)
                if rest is not None:
                    await rest
                taken += 1
                if taken % TURN == 0:
                    await asyncio.sleep(0)

    async def take_up(self, record: Record, calls_of: CallsOf) -> None:
        """Start the calls of a record; return when all of them have started."""
        await _done(self._take_up(record, calls_of))

    def _take_up(self, record: Record, calls_of: CallsOf) -> Rest | None:
        """Start the calls of a record; return None if all of them have started, else what is left to await."""
        tp = (record.topic, record.partition)
        expected = self._tracker.next_of(tp, record.assignment)
        if expected is None or record.offset < expected:
            return None
        if record.offset > expected and not self._is_natural_hole(tp, expected, record.offset):
            return self._fill(tp, expected, record, calls_of)
        return self._start(record, calls_of)

    async def _fill(self, tp: TP, start: int, before: Record, calls_of: CallsOf) -> None:
        """Read the records again that were not handed over; a hole that Kafka itself has is skipped."""
        end = before.offset
        log.error("%s:%d: the records from %d to %d were not handed over, reading them again", *tp, start, end)
        number = self._tracker.number(tp)
        while start < end and self._tracker.expected(tp) == start:
            try:
                found = await self._read_range(*tp, start, end)
            except TimeoutError:
                continue
            HOLES.labels(tp[0]).inc(len(found))
            for record in found:
                await _done(self._start(record._replace(assignment=number or 0), calls_of))
            start = reached(found, end)
        await _done(self._start(before, calls_of))

    def _start(self, record: Record, calls_of: CallsOf) -> Rest | None:
        tp = (record.topic, record.partition)
        if self._tracker.is_full(tp):
            return self._start_when_there_is_room(tp, record, calls_of)
        ticket = self._tracker.start(tp, record.offset, record.assignment, weight(record.value))
        if ticket is None:
            return None
        records_of(record.topic).inc()
        if record.value is None:
            TOMBSTONES.labels(record.topic).inc()
            ticket.release()
            return None
        try:
            rest = self._start_record(record, calls_of, ticket)
        except Exception as error:  # a defect of ours: the stream goes on, since one record must not block the others
            self._insist(record, calls_of, ticket, error)
            return None
        return None if rest is None else self._insisting(rest, record, calls_of, ticket)

    async def _start_when_there_is_room(self, tp: TP, record: Record, calls_of: CallsOf) -> None:
        await self._tracker.wait_for_room(tp)
        await _done(self._start(record, calls_of))

    async def _insisting(self, rest: Rest, record: Record, calls_of: CallsOf, ticket: Ticket) -> None:
        try:
            await rest
        except Exception as error:  # as in `_start`
            self._insist(record, calls_of, ticket, error)

    def _insist(self, record: Record, calls_of: CallsOf, ticket: Ticket, error: Exception) -> None:
        again = partial(self._start_again, record, calls_of, ticket)
        give_up = burying(self._outputs, record, INTERNAL_ERROR, ticket)
        self._runners.insist(record.source, ticket, again, give_up, error)

    async def _start_again(self, record: Record, calls_of: CallsOf, ticket: Ticket) -> None:
        await _done(self._start_record(record, calls_of, ticket))

    def _start_record(
        self, record: Record, calls_of: CallsOf, ticket: Ticket, *, is_learned: bool = False
    ) -> Rest | None:
        try:
            origin = self._origins.of(record)
            if self._registry is not None and not is_learned and not self._registry.knows(record.value):
                return self._start_learned(self._registry, record, calls_of, ticket)
            calls = calls_of(record, origin)
        except BrokenRecord as error:
            self._bury(record, str(error), ticket)
            return None
        if self._tracing is not None and calls:
            return self._start_traced(self._tracing, record, calls, ticket)
        started = self._start_straight(calls, ticket)
        if started < len(calls):
            return self._start_calls(calls[started:], ticket, is_tried=started < TURN)
        ticket.release()
        return None

    async def _start_learned(self, registry: SchemaRegistry, record: Record, calls_of: CallsOf, ticket: Ticket) -> None:
        await self._learn(registry, record)
        await _done(self._start_record(record, calls_of, ticket, is_learned=True))

    async def _start_traced(self, tracing: Tracing, record: Record, calls: list[Call], ticket: Ticket) -> None:
        with tracing.taking_up(record, calls):
            await self._start_calls(calls, ticket)

    def _start_straight(self, calls: list[Call], ticket: Ticket) -> int:
        """Start as many of the calls as need no waiting, up to a turn of them; return how many."""
        for number, call in enumerate(calls[:TURN]):
            if not self._runners.start_straight(call, ticket):
                return number
        return min(len(calls), TURN)

    async def _start_calls(self, calls: list[Call], ticket: Ticket, *, is_tried: bool = False) -> None:
        """Start calls, and wait where one has to; `is_tried` means that the first one has to."""
        for number, call in enumerate(calls):
            if number and number % TURN == 0:
                await asyncio.sleep(0)
            if (is_tried and number == 0) or not self._runners.start_straight(call, ticket):
                await self._runners.start_held(call, ticket)
        ticket.release()

    @staticmethod
    async def _learn(registry: SchemaRegistry, record: Record) -> None:
        """Ask the registry outside of the event loop until it responds, since the record may be valid."""
        while True:
            try:
                return await asyncio.to_thread(registry.learn, record.value)
            except RegistryAway as away:
                log.warning("%s waits: %s", record.source, shown(away, LONGEST_TEXT))
                await asyncio.sleep(1.0)

    def _bury(self, record: Record, reason: str, ticket: Ticket) -> None:
        give_up = burying(self._outputs, record, INTERNAL_ERROR, ticket)
        self._runners.insist(record.source, ticket, burying(self._outputs, record, reason, ticket), give_up)


async def _done(rest: Rest | None) -> None:
    """Await what is left, if anything is."""
    if rest is not None:
        await rest
