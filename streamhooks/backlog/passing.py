"""Records for a disabled hook: not sent, and not forgotten.

A worker that passes a record over keeps its offset in a stretch of its own, which is confirmed before the record is
settled. When a user has decided what to do with it, the stretch gets its end. Then the hook's owner sends or drops it
(`backlog/catch_up.py`).

A stretch covers only records of the worker and the assignment that began it. So whoever ends it, and however late that
is written, no passed-over record is outside: the worker itself knows the last offset, and records that the next owner
of the partition does not take up again are below the offset that it has reached.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from streamhooks.backlog.stretches import Backlog
from streamhooks.errors import PublishError
from streamhooks.kafka.reader import coordinates
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.times import steady

#: polling interval for hooks that were enabled, in seconds
INTERVAL = 0.5
#: after how many active seconds without a decision the missed records are sent; not at once, since a worker may see a
#: stretch before it sees why the hook was disabled
UNDECIDED = 30.0

TP = tuple[str, int]


class Hooks(Protocol):
    """What is used of the hooks table."""

    def is_active(self, hook_id: str) -> bool:
        """Tell whether deliveries may be sent to the hook."""

    def decided(self, hook_id: str, after: float) -> str | None:
        """Return the first decision after this moment about what a hook missed; None if there is none yet."""


class Partitions(Protocol):
    """The source partitions of this worker; see `in_flight.tracker`."""

    def reached(self, tp: TP) -> int | None:
        """Return the offset below which everything ever taken up is, or None for a partition that is not ours."""

    def number(self, tp: TP) -> int | None:
        """Return the number of the partition's assignment, or None for a partition that is not ours."""


class Group(Protocol):
    """The consumer group of this worker, as far as it is needed here."""

    def holds_lease(self) -> bool:
        """Tell whether our partitions are still ours."""

    def topic_id(self, tp: TP) -> str:
        """Return the id of a partition's topic, as it is read; empty if unknown."""


@dataclass(slots=True, eq=False)
class _Own:
    """A stretch that this worker began; records are added to no other."""

    stretch: Stretch
    assignment: int | None
    until: int
    """The offset after the last record that was passed over."""
    written: asyncio.Future[None]
    """Done when the stretch is confirmed and those that it replaces are forgotten."""


class PassedOver:
    """Begins and ends stretches on the source partitions of this worker. One per worker.

    `clock` gives epoch seconds.
    """

    def __init__(
        self,
        backlog: Backlog,
        hooks: Hooks,
        partitions: Partitions,
        group: Group,
        *,
        clock: Callable[[], float],
        steady_clock: Callable[[], float] = steady,
    ) -> None:
        self._stretches = backlog.stretches
        self._write, self._forget, self._on_gone = backlog.write, backlog.forget, backlog.on_gone
        self._hooks = hooks
        self._partitions = partitions
        self._group = group
        self._clock = clock
        self._steady = steady_clock
        self._own: dict[str, _Own] = {}
        self._newest: dict[tuple[str, TP], _Own] = {}
        self._leaving: set[str] = set()  # being ended or replaced
        self._undecided: dict[str, float] = {}

    # --- beginning

    def pass_over(self, hook: Hook, source: str) -> Awaitable[None]:
        """Keep a record for a disabled hook; await that this is confirmed.

        Must be called in the same turn of the event loop that found the hook disabled: the next decision about the hook
        then applies to the record.
        """
        topic, partition, offset = coordinates(source)
        own = self._newest.get((hook.id, (topic, partition)))
        if own is None or not self._holds(own, hook, offset):
            own = self._begin(hook, (topic, partition), offset)
        own.until = max(own.until, offset + 1)
        return asyncio.shield(own.written)

    def _holds(self, own: _Own, hook: Hook, offset: int) -> bool:
        """Tell whether a stretch may take this record."""
        stretch = own.stretch
        if stretch.key in self._leaving or stretch.after != hook.resumed_at or offset < stretch.next:
            return False
        if own.assignment != self._partitions.number(stretch.tp) or self._is_gone(stretch):
            return False
        return not own.written.done() or self._is_open(stretch)

    def _begin(self, hook: Hook, tp: TP, offset: int) -> _Own:
        replaced = self._replaceable(hook, tp)
        first = min([offset, *(one.next for one in replaced)])
        stretch = Stretch(
            hook.id,
            # Unique per owner: a late write of one owner must not change the stretch of another.
            f"{tp[0]}:{tp[1]}:{first}:{secrets.token_hex(4)}",
            "disabled",
            *tp,
            next=first,
            end=None,
            since=min([self._clock(), *(one.since for one in replaced)]),
            after=hook.resumed_at,
            log=self._group.topic_id(tp) or None,
        )
        until = max((self._until(one) or 0 for one in replaced), default=0)
        self._leaving.update(one.key for one in replaced)
        written = asyncio.ensure_future(self._write_first(stretch, replaced))
        own = _Own(stretch, self._partitions.number(tp), until, written)
        self._own[stretch.key] = self._newest[hook.id, tp] = own
        return own

    def _replaceable(self, hook: Hook, tp: TP) -> list[Stretch]:
        """Return the open stretches that a new one absorbs: else each assignment would add one."""
        if self._partitions.number(tp) is None or not self._group.holds_lease():
            return []  # the next owner may have begun them
        logs = (None, self._group.topic_id(tp) or None)  # 0.1.0 did not write it
        return [
            one
            for one in self._stretches.of_hook(hook.id)
            if one.end is None and one.tp == tp and one.after == hook.resumed_at and one.log in logs
            if one.key not in self._leaving
        ]

    async def _write_first(self, stretch: Stretch, replaced: list[Stretch]) -> None:
        try:
            await self._write(stretch)
            for one in replaced:
                with suppress(PublishError):  # it will be ended like any other
                    await self._forget(one)
        except BaseException:
            self._let_go(stretch)
            raise
        finally:
            self._leaving.difference_update(one.key for one in replaced)

    def _let_go(self, stretch: Stretch) -> None:
        own = self._own.pop(stretch.key, None)
        if own is not None and self._newest.get((stretch.hook_id, stretch.tp)) is own:
            del self._newest[stretch.hook_id, stretch.tp]

    def _is_open(self, stretch: Stretch) -> bool:
        known = self._stretches.get(stretch)
        return known is not None and known.end is None

    def _is_gone(self, stretch: Stretch) -> bool:
        """Tell whether the log of a stretch has been replaced."""
        current = self._group.topic_id(stretch.tp)
        return bool(current and stretch.log and stretch.log != current)

    # --- ending

    async def run(self) -> None:
        """End the stretches of hooks that were enabled, forever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.end()

    async def end(self) -> None:
        """End the stretches that are to be ended now."""
        if not self._group.holds_lease():
            return  # the next owner may have begun the open ones, and has not reached our offset
        open_ones = [one for one in self._stretches if one.end is None]
        self._forget_others(open_ones)
        ending: list[Awaitable[None]] = []
        for stretch in open_ones:
            until = self._until(stretch)
            if until is None or stretch.key in self._leaving:
                continue
            if self._is_gone(stretch):
                ending.append(self._end_gone(stretch, until))
            elif (decided := self._decision(stretch)) is not None:
                ending.append(self._end(stretch, until, decided))
        await asyncio.gather(*ending)

    def _until(self, stretch: Stretch) -> int | None:
        """Return the offset below which every passed-over record is; None if another worker has to say."""
        reached = self._partitions.reached(stretch.tp)
        own = self._own.get(stretch.key)
        return reached if own is None or reached is None else own.until

    async def _end_gone(self, stretch: Stretch, end: int) -> None:
        """End a stretch whose log has been replaced, once that is written down."""
        self._leaving.add(stretch.key)
        try:
            await self._on_gone(stretch, None)
        finally:
            self._leaving.discard(stretch.key)
        await self._end(stretch, end, "skip")

    def _end(self, stretch: Stretch, end: int, decided: str) -> Awaitable[None]:
        """End a stretch; from this turn of the loop on it takes no more records."""
        self._leaving.add(stretch.key)
        self._let_go(stretch)
        return self._write_end(stretch, end, decided)

    async def _write_end(self, stretch: Stretch, end: int, decided: str) -> None:
        try:
            if end <= stretch.next or decided == "skip":
                await self._forget(stretch)
            else:
                await self._write(replace(stretch, end=end, resume=decided))
        finally:
            self._leaving.discard(stretch.key)

    def _forget_others(self, open_ones: list[Stretch]) -> None:
        """Forget stretches that are no longer open, or were begun in another assignment."""
        keys = {one.key for one in open_ones}
        self._undecided = {key: since for key, since in self._undecided.items() if key in keys}
        for own in list(self._own.values()):
            is_ours = own.assignment == self._partitions.number(own.stretch.tp)
            if own.written.done() and not (is_ours and own.stretch.key in keys):
                self._let_go(own.stretch)

    def _decision(self, stretch: Stretch) -> str | None:
        """Return what to do with a stretch; None while that is undecided."""
        decided = self._hooks.decided(stretch.hook_id, stretch.after)
        if decided is not None or not self._hooks.is_active(stretch.hook_id):
            self._undecided.pop(stretch.key, None)
            return decided
        now = self._steady()
        return "all" if now - self._undecided.setdefault(stretch.key, now) >= UNDECIDED else None
