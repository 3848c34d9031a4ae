"""What comes for a disabled hook: not sent, and not forgotten.

The owner of a source partition notes the first offset that it passed over for the hook, before it acks the record, and
when the hook is enabled again the offset from which on it is sent live. What lies between is a stretch, which the
hook's home sends or throws away (`agents/catch_up.py`), as the user has decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from streamhooks.kafka.reader import coordinates
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.tables.stretches import Stretches
from streamhooks.times import steady

#: how often is looked for hooks that were enabled, in seconds
INTERVAL = 0.5
#: how long a hook is active without anybody having decided (a GitOps wrote it) until what it missed is skipped, in
#: seconds: a worker may know of a stretch before it knows why the hook was disabled
UNDECIDED = 30.0

Write = Callable[[Stretch], Awaitable[None]]
"""Writes a stretch (or forgets it), and returns when this worker's table has it so."""
TP = tuple[str, int]
Key = tuple[str, TP, str]


class Hooks(Protocol):
    """The hooks table, as far as it is needed here."""

    def get(self, hook_id: str) -> Hook | None:
        """The hook as wished."""

    def is_active(self, hook_id: str) -> bool:
        """Whether deliveries may be sent to it."""


class Missed:
    """Begins and ends stretches on the source partitions of this worker. One for the worker.

    `reached` gives the offset below which all lies that was ever taken up of an owned partition, also by a former owner
    (what that passed over and settled is not taken up again), None for others; `log_of` the id of its topic, as it is
    read, empty if that is not known; `on_gone` is told of a stretch whose log is gone.
    """

    def __init__(
        self,
        stretches: Stretches,
        hooks: Hooks,
        *,
        write: Write,
        forget: Write,
        reached: Callable[[TP], int | None],
        clock: Callable[[], float],
        log_of: Callable[[TP], str] = lambda _tp: "",
        on_gone: Callable[[Stretch], None] = lambda _stretch: None,
        steady_clock: Callable[[], float] = steady,
    ) -> None:
        self._steady = steady_clock
        self._log_of = log_of
        self._on_gone = on_gone
        self._stretches = stretches
        self._hooks = hooks
        self._write = write
        self._forget = forget
        self._reached = reached
        self._clock = clock
        self._beginning: dict[Key, tuple[int, asyncio.Task[None]]] = {}
        self._ending: set[str] = set()
        self._undecided: dict[str, float] = {}

    # --- beginning

    def covers(self, hook_id: str, source: str) -> bool:
        """Whether a stretch is known, and confirmed, that will hold this record."""
        topic, partition, offset = coordinates(source)
        known = self._open(hook_id, (topic, partition))
        return known is not None and known.next <= offset

    async def pass_over(self, hook_id: str, source: str) -> None:
        """Note that a record was passed over; returns when that is confirmed."""
        topic, partition, offset = coordinates(source)
        current = self._log_of((topic, partition))
        key = (hook_id, (topic, partition), current)
        beginning = self._beginning.get(key)
        if beginning is not None and beginning[0] <= offset:
            await asyncio.shield(beginning[1])
        elif not self.covers(hook_id, source):
            hook = self._hooks.get(hook_id)
            stretch = Stretch(
                hook_id,
                f"{topic}:{partition}:{offset}",
                "disabled",
                topic,
                partition,
                next=offset,
                end=None,
                since=self._clock(),
                after=hook.resumed_at if hook is not None else 0.0,
                log=current or None,
            )
            task = asyncio.ensure_future(self._begin(key, stretch))
            self._beginning[key] = (offset, task)
            await asyncio.shield(task)

    async def _begin(self, key: Key, stretch: Stretch) -> None:
        try:
            await self._write(stretch)
        finally:
            if self._beginning.get(key, (stretch.next,))[0] == stretch.next:
                self._beginning.pop(key, None)

    def _open(self, hook_id: str, tp: TP) -> Stretch | None:
        found = (one for one in self._stretches.of_hook(hook_id) if one.end is None and one.tp == tp)
        return next((one for one in found if one.key not in self._ending and not self._is_gone(one)), None)

    def _is_gone(self, stretch: Stretch) -> bool:
        """Whether the log that a stretch is of is another one by now."""
        current = self._log_of(stretch.tp)
        return bool(current and stretch.log and stretch.log != current)

    # --- ending

    async def run(self) -> None:
        """End the stretches of hooks that were enabled, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.end()

    async def end(self) -> None:
        """End the stretches that are to be ended now."""
        ending = []
        open_ones = [one for one in self._stretches if one.end is None]
        self._undecided = {one.key: self._undecided[one.key] for one in open_ones if one.key in self._undecided}
        for stretch in open_ones:
            end = self._reached(stretch.tp)
            decided = self._decision(stretch)
            if end is not None and self._is_gone(stretch) and stretch.key not in self._ending:
                self._on_gone(stretch)
                self._ending.add(stretch.key)
                ending.append(self._end(stretch, end, "skip"))
            elif end is not None and decided is not None and stretch.key not in self._ending:
                # From here on, in one go with the decision: what comes now is not passed over any more.
                self._ending.add(stretch.key)
                ending.append(self._end(stretch, end, decided))
        await asyncio.gather(*ending)

    async def _end(self, stretch: Stretch, end: int, decided: str) -> None:
        try:
            if end <= stretch.next or decided == "skip":
                await self._forget(stretch)
            else:
                await self._write(replace(stretch, end=end, resume=decided))
        finally:
            self._ending.discard(stretch.key)

    def _decision(self, stretch: Stretch) -> str | None:
        """What was decided about a stretch whose hook is active; None as long as nothing was."""
        hook = self._hooks.get(stretch.hook_id)
        if hook is None or not self._hooks.is_active(hook.id):
            return None
        if hook.resumed_at > stretch.after:
            return hook.resume or "skip"
        now = self._steady()
        return "skip" if now - self._undecided.setdefault(stretch.key, now) >= UNDECIDED else None
