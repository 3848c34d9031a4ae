"""Sending what hooks have yet to get: what they missed while disabled, and replays.

A hook's owner works through its stretches, which are ranges of offsets of source partitions. A plain reader reads the
source records again, and those that fire the hook start like live ones. The settled floor is written to the stretch, so
that the next owner continues there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from streamhooks.backlog.stretches import Backlog
from streamhooks.errors import BrokenRecord
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.reader import Record, reached
from streamhooks.limits.rates import Rate
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import CAUGHT_UP
from streamhooks.records.call import Resent
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.tasks.call import Call
from streamhooks.tasks.owners import Owner
from streamhooks.times import Between, steady

log = logging.getLogger(__name__)

#: polling interval for stretches, and interval of writing their progress, both in seconds
INTERVAL = 0.5
PROGRESS = 1.0
#: source records that are read at once, and the most in flight per hook
CHUNK = 500
WINDOW = 1000
#: hooks that catch up at once per worker
AT_ONCE = 20
#: number of sent stretches that are remembered
REMEMBERED = 20_000

TP = tuple[str, int]
_Place = tuple[str, TP, str | None, int | None, float]
"""A hook, a partition, the id of its topic, the time from which on records are sent, and when the hook was resumed."""


class Calls(Protocol):
    """Makes calls of source records; see `sources.calls.Calls`."""

    def knows(self, topic: str) -> bool:
        """Tell whether this worker can read the records of a topic."""

    def again(self, hook: Hook, record: Record, cause: Resent, id_of: str) -> Call | None:
        """Return the call that sends a record to a hook again; None if the record does not fire the hook."""


class Hooks(Protocol):
    """The hooks table, as far as it is needed here."""

    def get(self, hook_id: str) -> Hook | None:
        """Return the hook as its owner wants it; None if unknown."""

    def is_active(self, hook_id: str) -> bool:
        """Tell whether deliveries may be sent to the hook."""


class Starter(Protocol):
    """The runner of calls, as far as it is needed here."""

    def start(self, call: Call, owner: Owner) -> Awaitable[None]:
        """Start a call as soon as there is room; await that it has started."""


class Reads(Protocol):
    """Reads from Kafka; see `kafka.reads.Reads`."""

    async def some(self, topic: str, partition: int, start: int, end: int) -> list[Record]:
        """Return the first records of [start, end)."""

    async def ends(self, tp: TP) -> tuple[int, int]:
        """Return the first offset that Kafka still holds, and the next one to be written."""

    async def offset_at(self, tp: TP, milliseconds: int) -> int:
        """Return the offset of the first record at or after a moment, in epoch milliseconds."""

    async def topic_id(self, topic: str) -> str:
        """Return the current id of a topic; empty if unknown."""


class CatchUp:
    """Works through the stretches of the hooks that this worker owns. One per worker.

    `may_send` tells whether the hook's endpoint may get more now; `rate` is for all hooks of this worker together.

    A stretch of a topic that this worker does not know waits: during a rolling deploy, the file of another worker may
    have a topic of one's own that this one's has not.
    """

    def __init__(
        self,
        backlog: Backlog,
        hooks: Hooks,
        starter: Starter,
        reads: Reads,
        *,
        calls: Calls,
        is_owner: Callable[[str], bool],
        may_send: Callable[[str], bool],
        rate: Rate,
    ) -> None:
        self._backlog = backlog
        self._hooks = hooks
        self._starter = starter
        self._reads = reads
        self._calls = calls
        self._is_owner = is_owner
        self._may_send = may_send
        self._rate = rate
        self._room = asyncio.Semaphore(AT_ONCE)
        self._working: dict[str, asyncio.Task[None]] = {}
        self._stopping = Counter[str]()  # hooks of which stretches are being forgotten
        self._sent: dict[_Place, range] = {}

    async def run(self) -> None:
        """Catch up, forever."""
        try:
            while True:
                await asyncio.sleep(INTERVAL)
                self.look()
        finally:
            self.let_go()

    def look(self) -> None:
        """Begin with hooks that have something to get."""
        for hook_id in self._backlog.stretches.hooks():
            if hook_id in self._working or hook_id in self._stopping:
                continue
            if self._is_owner(hook_id) and any(self._ready(hook_id)):
                task = asyncio.get_running_loop().create_task(self._work_off(hook_id))
                self._working[hook_id] = task
                task.add_done_callback(partial(self._ended, hook_id))

    def let_go(self) -> None:
        """Stop at a rebalance: the next owners continue from the progress written."""
        for task in self._working.values():
            task.cancel()
        self._sent.clear()

    async def stop(self, hook_id: str, stretches: Iterable[Stretch]) -> None:
        """Stop sending these stretches of a hook that this worker owns; return when they are forgotten."""
        # Writing its progress would bring a stretch back. The hook's other stretches soon continue.
        self._stopping[hook_id] += 1
        try:
            if (task := self._working.get(hook_id)) is not None:
                task.cancel()
                await asyncio.wait([task])
            for stretch in stretches:
                await self._backlog.forget(stretch)
        finally:
            self._stopping -= Counter([hook_id])

    def _ended(self, hook_id: str, task: asyncio.Task[None]) -> None:
        self._working.pop(hook_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning(
                "hook %s can't catch up now, will be tried again: %s", shown(hook_id), shown(error, LONGEST_TEXT)
            )

    def _ready(self, hook_id: str) -> Iterable[Stretch]:
        hook = self._hooks.get(hook_id)
        for stretch in self._backlog.stretches.of_hook(hook_id):
            if hook is None:
                yield stretch
            elif stretch.resume is None or not self._hooks.is_active(hook_id):
                continue
            elif stretch.resume == "skip" or self._calls.knows(stretch.topic):
                yield stretch

    async def _work_off(self, hook_id: str) -> None:
        async with self._room:
            for stretch in self._ready(hook_id):
                hook = self._hooks.get(hook_id)
                if hook is None or stretch.resume == "skip" or stretch.end is None:
                    await self._backlog.forget(stretch)
                elif await self._is_gone(stretch):
                    await self._backlog.on_gone(stretch, None)
                    await self._backlog.forget(stretch)
                elif stretch.resume != "all":
                    since = Between.moments(float(stretch.resume or 0), None).since
                    held, _ = await self._reads.ends(stretch.tp)
                    found = await self._reads.offset_at(stretch.tp, since or 0)
                    # If the first record that Kafka holds is wanted, so may those be that are gone.
                    first = max(stretch.next, found) if found > held else stretch.next
                    # Behind that record there may be older ones.
                    await self._backlog.write(replace(stretch, next=first, resume="all", not_before=since))
                elif await self._send(stretch, stretch.end):
                    await self._backlog.forget(stretch)
                else:
                    return

    async def _is_gone(self, stretch: Stretch) -> bool:
        """Tell whether the stretch's log has been replaced."""
        if stretch.log is None:
            return False
        return await self._reads.topic_id(stretch.topic) not in ("", stretch.log)

    async def _send(self, stretch: Stretch, end: int) -> bool:
        """Send a stretch; return False if the hook may get no more now."""
        tp, hook = stretch.tp, self._hooks.get(stretch.hook_id)
        # If the hook was disabled meanwhile, records that were started may have been passed over.
        resumed_at = hook.resumed_at if hook is not None else 0.0
        place = (stretch.hook_id, tp, stretch.log, stretch.not_before, resumed_at)
        first, log_end = await self._reads.ends(tp)
        begin = start = max(stretch.next, first)
        sent = self._sent.get(place, range(0)) if stretch.why == "disabled" else range(0)
        unsent = sent.stop if stretch.next in sent else stretch.next
        if removed := range(unsent, min(first, end)):
            await self._backlog.on_gone(stretch, removed)
            stretch = replace(stretch, next=removed.stop)
            await self._backlog.write(stretch)  # what is tried again is not reported again
        if start in sent and sent.stop <= log_end:
            begin, start = sent.start, sent.stop  # two owners around a rebalance may have begun one each
        tracker = Tracker(window=WINDOW)
        tracker.assign(tp, start, Settled(start))
        writing = asyncio.create_task(self._write_progress(stretch, tracker))
        try:
            position = start
            while position < end:
                following = min(position + CHUNK, end)
                records = await self._reads.some(*tp, position, following)
                if not records or records[0].offset > position:
                    first, _ = await self._reads.ends(tp)
                    if removed := range(position, min(first, following)):
                        await self._backlog.on_gone(stretch, removed)
                position = reached(records, following)
                for record in records:
                    if not await self._start(stretch, record, tracker):
                        return False
            while not await tracker.drain(60.0):
                pass  # its deliveries wait for room
        finally:
            writing.cancel()
            tracker.revoke([tp])
            with suppress(asyncio.CancelledError):
                await writing
        if stretch.why == "disabled":
            if len(self._sent) >= REMEMBERED:
                del self._sent[next(iter(self._sent))]
            self._sent[place] = range(begin, max(end, start))
        return True

    async def _start(self, stretch: Stretch, record: Record, tracker: Tracker) -> bool:
        await tracker.wait_for_room(stretch.tp)
        hook = await self._turn(stretch.hook_id)
        if hook is None:
            return False
        ticket = tracker.start(stretch.tp, record.offset)
        if ticket is None:
            return True
        try:
            call = self._call_of(hook, stretch, record)
        except BrokenRecord:
            call = None  # it was reported when it was first read
        if call is None:
            ticket.release()
            return True
        await self._starter.start(call, ticket)
        CAUGHT_UP.inc()
        while wait := self._rate.take(steady()):  # noqa: ASYNC110 - others may take it meanwhile
            await asyncio.sleep(wait)
        return True

    def _call_of(self, hook: Hook, stretch: Stretch, record: Record) -> Call | None:
        if record.value is None or not stretch.between.holds(record.timestamp):
            return None
        return self._calls.again(hook, record, "replay" if stretch.why == "replay" else "resume", stretch.id)

    async def _turn(self, hook_id: str) -> Hook | None:
        """Wait until the hook may get more, and return it; None if it is no longer ours to send."""
        while True:
            hook = self._hooks.get(hook_id)
            if hook is None or not self._hooks.is_active(hook_id) or not self._is_owner(hook_id):
                return None
            if self._may_send(hook_id):
                return hook
            await asyncio.sleep(0.1)

    async def _write_progress(self, stretch: Stretch, tracker: Tracker) -> None:
        while True:
            await asyncio.sleep(PROGRESS)
            for tp, settled in list(tracker.committable()):
                await self._backlog.write(replace(stretch, next=settled.floor))
                tracker.committed(tp, settled)
