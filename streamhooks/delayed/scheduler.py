"""`delayed`: starts the pending calls of the owned partitions when they are due.

The topic is read by a plain reader, from its start, whenever a partition comes to this worker; nothing of a partition
runs before its log has been read to the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice

from streamhooks.delayed.pending import Entry, Pending
from streamhooks.errors import BrokenRecord
from streamhooks.in_flight.backoff import FIRST
from streamhooks.in_flight.gate import Gate
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.reader import Record
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.records.call import ATTEMPT_HEADER
from streamhooks.records.letter_state import State
from streamhooks.tasks.call import Call
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runner import GONE, OF_USERS, OURS, Runner, kind_of
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: at most this long between two looks at the clock, in seconds: a clock that is set must not hold calls up
LONGEST_SLEEP = 0.5
#: why a letter that was sent again is as it was, or is dropped
SKIPPED, DROPPED = "what waited was skipped when its hook was enabled", "its pending call was dropped"
#: large calls that are written once more at the same time
HEALED_AT_ONCE = 4
#: due calls that are taken up in one turn of the loop: ten thousand that come at once must not hold up the rest
TAKEN_AT_ONCE = 500


class _PendingRun:
    """A run of a pending call, as the runner sees what it belongs to."""

    __slots__ = ("_clock", "_entry", "_pending")

    def __init__(self, entry: Entry, pending: Pending, clock: Callable[[], float]) -> None:
        self._entry = entry
        self._pending = pending
        self._clock = clock

    @property
    def is_void(self) -> bool:
        return self._entry.state == "gone"

    def hold(self) -> None:
        """Nothing waits for a pending call: what comes of it is read from the log."""

    def release(self) -> None:
        """The log has told already, or will tell, what became of the call."""

    def give_back(self, seconds: float = 0.0) -> None:
        """It waits again, for so long at least."""
        if not self.is_void:
            due = self._entry.due if not seconds else int((self._clock() + seconds) * 1000)
            self._pending.run_at(self._entry, due)


class Scheduler:
    """Starts what is due. Each hook has a queue, and each kind of calls without one; the queues take turns."""

    def __init__(
        self,
        pending: Pending,
        runner: Runner,
        outputs: Outputs,
        outbox: Outbox,
        *,
        topic: str,
        gate: Gate,
        bulkheads: Bulkheads,
        is_ready: Callable[[int], bool],
        wait: Callable[[str], float | None],
        is_skipped: Callable[[Entry], bool],
        on_broken: Callable[[Record, str], None],
        read_arguments: Callable[[Call], Awaitable[bool]],
        clock: Callable[[], float],
        may_run: Callable[[Entry], bool] = lambda _entry: True,
        steady_clock: Callable[[], float] = steady,
    ) -> None:
        self._steady = steady_clock
        self._may_run = may_run
        self._pending = pending
        self._runner = runner
        self._outputs = outputs
        self._outbox = outbox
        self._topic = topic
        self._gate = gate
        self._bulkheads = bulkheads
        self._is_ready = is_ready
        self._wait = wait
        self._is_skipped = is_skipped
        self._on_broken = on_broken
        self._read_arguments = read_arguments
        self._healing = asyncio.Semaphore(HEALED_AT_ONCE)
        self._not_before: dict[str, float] = {}  # by the steady clock
        self._clock = clock
        self._queues: dict[str, deque[Entry]] = {}
        self._wake = asyncio.Event()
        self._writing: set[asyncio.Task[None]] = set()
        bulkheads.on_leave = self._left

    # --- the log

    def apply(self, records: list[Record]) -> None:
        """Take in records of the owned partitions."""
        for record in records:
            try:
                self._pending.apply(record)
            except BrokenRecord as error:
                self._on_broken(record, str(error))
        self._wake.set()

    def release(self, partitions: Iterable[int]) -> None:
        """The partitions are somebody else's."""
        self._pending.release(partitions)

    # --- the loop

    async def run(self) -> None:
        """Start calls as they become due, for ever."""
        while True:
            await self._gate.wait_open()
            due = self._pending.pop_due(int(self._clock() * 1000), self._is_ready)
            taken = list(islice(due, TAKEN_AT_ONCE))
            for entry in taken:
                self._take(entry)
            self._pump()
            self._heal()
            await (self._sleep() if len(taken) < TAKEN_AT_ONCE else asyncio.sleep(0))

    async def _sleep(self) -> None:
        due = self._pending.next_due()
        until = LONGEST_SLEEP if due is None else due / 1000 - self._clock()
        if self._not_before:
            until = min(until, max(min(self._not_before.values()) - self._steady(), 0.002))
        self._wake.clear()
        if until > 0:
            try:
                async with asyncio.timeout(min(until, LONGEST_SLEEP)):
                    await self._wake.wait()
            except TimeoutError:
                pass
        else:
            await asyncio.sleep(0.01)

    def _take(self, entry: Entry) -> None:
        if entry.letter is not None and not self._may_run(entry):
            self._spawn(self._settle(entry))
            return
        entry.state = "queued"
        queue = entry.hook_id if entry.hook_id is not None else kind_of(entry.call().task)
        self._queues.setdefault(queue, deque()).append(entry)

    def _left(self, _hook_id: str) -> None:
        if self._queues:
            self._wake.set()

    def _pump(self) -> None:
        """Start queued calls, one of each hook in turn, as long as there is room and the hook is not held back."""
        now = self._steady()
        hooks = deque(hook_id for hook_id in self._queues if self._not_before.get(hook_id, 0.0) <= now)
        while hooks and self._gate.is_open:
            hook_id = hooks.popleft()
            queue = self._queues[hook_id]
            while queue and queue[0].state != "queued":
                queue.popleft()
            if not queue:
                del self._queues[hook_id]
                self._not_before.pop(hook_id, None)
            elif self._is_skipped(queue[0]):
                self._spawn(self._settle(queue.popleft(), ("open", SKIPPED)))
                hooks.append(hook_id)
            elif self._may_start(hook_id, queue[0].size):
                self._start(queue.popleft())
                hooks.append(hook_id)

    def _may_start(self, hook_id: str, size: int) -> bool:
        """Take the places for a call of the hook, and whatever else it needs; False if it must wait."""
        self._not_before.pop(hook_id, None)
        if not self._runner.has_weight_again(size):
            return False  # one that ends wakes us
        if hook_id in (OURS, OF_USERS):
            return self._runner.has_room_again(hook_id)
        if not self._bulkheads.has_place_again(hook_id):
            return False  # a delivery that leaves wakes us
        wait = self._wait(hook_id)
        if wait == 0.0:
            return self._bulkheads.enter_again(hook_id)
        self._not_before[hook_id] = self._steady() + (LONGEST_SLEEP if wait is None else min(wait, LONGEST_SLEEP))
        return False

    def _start(self, entry: Entry) -> None:
        """Run a call whose places are taken."""
        entry.state = "running"
        self._runner.start_again(self._call(entry), _PendingRun(entry, self._pending, self._clock))

    @staticmethod
    def _call(entry: Entry) -> Call:
        return Call.from_record(entry.call(), entry.partition, entry.size, entry.offset)

    # --- healing

    def _heal(self) -> None:
        for partition in self._pending.partitions():
            if self._is_ready(partition):
                for heal in self._pending.heals(partition):
                    log.info("healing the log of %s: %s", self._topic, shown(heal.id))
                    headers = [(ATTEMPT_HEADER, str(heal.attempt).encode())] if heal.value is None else None
                    self._spawn(
                        self._outbox.publish(self._topic, heal.value, key=heal.id, partition=partition, headers=headers)
                        if heal.large is None
                        else self._heal_large(heal.large)
                    )

    async def _heal_large(self, entry: Entry) -> None:
        async with self._healing:
            while not await self._write_again(entry):  # noqa: ASYNC110 - Kafka is away
                await asyncio.sleep(LONGEST_SLEEP)

    async def _write_again(self, entry: Entry) -> bool:
        """Write a large call once more, or what is left of it as a dead letter; False if Kafka does not answer."""
        call = self._call(entry)
        try:
            is_whole = await self._read_arguments(call)
        except TimeoutError:
            return False
        if entry.state == "gone":
            return True
        if is_whole:
            known = entry.call()
            await self._outputs.store(call, attempt=entry.attempt, due=known.due, reason=known.reason, last=known.last)
        elif entry.state != "running":  # the run gives it up as well
            entry.state = "running"
            await self._outputs.give_up(call, GONE, None)
            await self._settle(entry)
        return True

    def _spawn(self, coroutine: object) -> None:
        task = asyncio.ensure_future(coroutine)  # type: ignore[call-overload]
        self._writing.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a record of %s can't be written: %s", self._topic, shown(error, LONGEST_TEXT))

    # --- by hand

    def retry_now(self, partition: int, call_id: str) -> bool:
        """Run a waiting call now, whatever holds its hook back; False if there is none."""
        entry = self._pending.get(partition, call_id)
        if entry is None:
            return False
        if entry.state in ("waiting", "queued"):
            hook_id = entry.hook_id
            # A person asked for this one: a pause, an open breaker or a rate does not hold it, a disabled hook does.
            if (
                hook_id
                and self._gate.is_open
                and self._bulkheads.has_place_again(hook_id)
                and self._runner.has_weight_again(entry.size)
                and self._wait(hook_id) is not None
                and self._bulkheads.enter_again(hook_id)
            ):
                self._start(entry)
            else:
                self._pending.run_at(entry, int(self._clock() * 1000))
                self._wake.set()
        return True

    async def drop(self, partition: int, call_id: str) -> bool:
        """Settle a waiting call without running it; False if there is none, or it runs."""
        entry = self._pending.get(partition, call_id)
        if entry is None or entry.state == "running":
            return False
        await self._settle(entry, ("dropped", DROPPED))
        return True

    async def _settle(self, entry: Entry, ended: tuple[State, str] | None = None) -> None:
        """Settle a call that does not run; `ended` is what that means for the dead letter that it sends again."""
        entry.state = "running"  # nothing starts it while its tombstone is on the way
        call = self._call(entry)
        try:
            if ended is not None and call.letter is not None:
                await self._outputs.end_letter(call, *ended, ran=False)
            await self._outputs.settle(call)
        except BaseException:  # also: who asked for it waits no longer
            if entry.state == "running":
                self._pending.run_at(entry, max(entry.due, int((self._clock() + FIRST) * 1000)))
            raise
        self._pending.settle(entry)  # who looks now must not see it any more

    def queued(self, hook_id: str) -> int:
        """How many calls of a hook are due and wait for it."""
        return len(self._queues.get(hook_id, ()))
