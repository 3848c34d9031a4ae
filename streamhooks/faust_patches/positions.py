"""The one authority over where a partition is read.

The start is decided when partitions are assigned, and again on evidence that a log was replaced or truncated: the
client got the error that its offset is out of range, or that the log ends before it; a record has an offset below the
expected one, or a later epoch that its client did not check; or the brokers, which are asked every few seconds, name
another topic id or epoch. On evidence the brokers are asked, and their answer decides. Then only that partition is read
from another offset, under an assignment of its own, whose number distinguishes its records from those fetched before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

from aiokafka.errors import KafkaError
from faust.types import TP

from streamhooks.faust_patches.fetching import Fetching, Seek
from streamhooks.faust_patches.places import Brokers, Place, Start, StartOf
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.logs import Log, Reading, above_in, moved
from streamhooks.kafka.reader import Record

log = logging.getLogger(__name__)

#: how often the brokers are asked, how soon after a missing answer, and the shortest pause, all in seconds
INTERVAL, SOON, AT_LEAST = 5.0, 0.5, 0.1

#: how often it is asked again whether a partition has no committed offset
ASKED_AGAIN = 3


class Positions:
    """Decides where the partitions of one app are read."""

    def __init__(
        self,
        brokers: Brokers,
        fetching: Mapping[str, Fetching],
        tracker: Tracker,
        start_of: StartOf,
        *,
        on_hole: Callable[[TP, int, int], None],
        on_moved: Callable[[TP, int], None],
    ) -> None:
        self._brokers = brokers
        self._fetching = fetching
        self._tracker = tracker
        self._start_of = start_of
        self._on_hole = on_hole
        self._on_moved = on_moved
        self._places: dict[tuple[str, int], Place] = {}
        self._previous: dict[TP, Reading] = {}  # how far revoked partitions were read
        self._missing: set[TP] = set()
        self._suspects: set[TP] = set()
        self._unanswered = False
        self._evidence = asyncio.Event()
        self._ids: dict[str, set[str]] = {}  # per topic: the id of the one that is read
        self._numbers = 0
        self._doubts = 0
        self._is_assigned = False

    # --- when partitions are assigned

    async def take_over(self, tps: Collection[TP]) -> dict[TP, int]:
        """Read these partitions, and no others; return their first offsets.

        A partition that does not exist now is started once it does. Raises KafkaError, TimeoutError, or what `start_of`
        raises; after the first two, try again.
        """
        begun = await self._begun(tps)
        self._is_assigned = False
        self._places, self._suspects = {}, set()
        self._missing = set(tps) - begun.keys()
        for tp, start in begun.items():
            self._begin(tp, start)
        await self._assign()
        self._is_assigned = True
        return {tp: self._places[tp].next for tp in begun}

    async def _begun(self, tps: Collection[TP]) -> dict[TP, Start]:
        committed, logs = await self._brokers.committed(tps), await self._brokers.logs(tps)
        self._doubt(committed, logs)
        known = {
            tp: read.epoch for tp, read in committed.items() if read is not None and read.epoch >= 0 and tp in logs
        }
        kept = await self._brokers.epoch_ends(known) if known else {}
        if missing := known.keys() - kept.keys():
            raise TimeoutError(f"the epochs of {len(missing)} partitions are not known")
        begun = {}
        for tp, found in logs.items():
            read = committed[tp]
            is_there = read is not None
            if read is None and self._is_recreated(tp, found):
                read = self._previous[tp]  # Kafka deletes the offsets of a topic with it
            start = self._start_of(tp, read, found, kept.get(tp))
            above = () if read is None else above_in(found, read, kept.get(tp))
            # A commit at another offset is not kept: the next commit replaces it.
            builds = is_there and read is not None and read.offset == start
            begun[tp] = Start(start, found, above, Settled(start, read.above) if builds and read else None)
        return begun

    def _doubt(self, committed: Mapping[TP, Reading | None], logs: Mapping[TP, Log]) -> None:
        """Raise TimeoutError, for a few times, if nothing is committed where others, or we, have read.

        A coordinator that has just become one may answer so. It was seen with Kafka 4, for two partitions of six, when
        its only broker had been paused.
        """
        is_used = any(read is not None for read in committed.values())
        doubtful = [
            tp
            for tp, found in logs.items()
            if committed[tp] is None and found.first < found.end and not self._is_recreated(tp, found)
            if is_used or tp in self._previous
        ]
        self._doubts = self._doubts + 1 if doubtful else 0
        if 0 < self._doubts <= ASKED_AGAIN:
            raise TimeoutError(f"nothing is committed of {len(doubtful)} partitions with records")
        self._doubts = 0

    def _is_recreated(self, tp: TP, found: Log) -> bool:
        """Tell whether a partition that was read here before has another log now."""
        previous = self._previous.get(tp)
        return previous is not None and previous.topic_id not in ("", found.topic_id)

    def _begin(self, tp: TP, start: Start) -> None:
        self._numbers += 1
        self._places[tp] = Place(self._numbers, start.offset, start.log)
        self._tracker.assign(tp, start.offset, start.committed, self._numbers, start.above)

    async def _assign(self) -> None:
        for topic, fetching in self._fetching.items():
            if not self._renewed(topic):
                await fetching.assign(self._seeks(topic))

    def _renewed(self, topic: str) -> bool:
        """Renew the client of a topic that was recreated since it was last read; return False if it was not."""
        ids = {place.topic_id for (name, _), place in self._places.items() if name == topic} - {""}
        previous, self._ids[topic] = self._ids.get(topic), ids or self._ids.get(topic, ids)
        if not ids or not previous or ids == previous:
            return False
        self._fetching[topic].renew(self._seeks(topic))
        return True

    def _seeks(self, topic: str) -> dict[TP, Seek]:
        return {tp: self._seek(tp) for tp in map(TP._make, self._places) if tp.topic == topic}

    def _seek(self, tp: TP) -> Seek:
        place = self._places[tp]
        return Seek(place.next, place.epoch, place.number)

    def forget(self, tps: Iterable[TP]) -> None:
        """Forget revoked partitions."""
        for tp in tps:
            if (place := self._places.pop(tp, None)) is not None:
                self._previous[tp] = place.reading()
            self._missing.discard(tp)
            self._suspects.discard(tp)

    # --- while they are read

    def note(self, record: Record) -> bool:
        """Tell whether to hand a record over. The client reads without gaps, so offsets that it skips do not exist."""
        tp = record[:2]
        place = self._places.get(tp)
        if place is None or place.number != record.assignment:
            return False
        if record.epoch > place.epoch and self._must_ask(tp[0], place):
            self.suspect((TP(*tp),))
            return False
        if record.offset != place.next:
            if record.offset < place.next:
                self.suspect((TP(*tp),))
                return False
            self._on_hole(TP(*tp), place.next, record.offset)
        place.next = record.offset + 1
        if record.epoch > place.epoch:
            place.epoch = record.epoch
            self._tracker.cut(tp, record.offset)
        elif record.epoch < 0:
            place.is_blind = True
        return True

    def _must_ask(self, topic: str, place: Place) -> bool:
        """Tell whether the brokers must be asked before a record of a later epoch is handed over.

        The log may have been cut below it and have grown again, unnoticed by the client.
        """
        return place.checked >= 0 and not self._fetching[topic].checks_logs

    def reading(self, tp: TP, settled: Settled) -> Reading:
        """Return what to commit of a partition."""
        place = self._places.get(tp)
        if place is None:
            return Reading(settled.floor)
        return Reading(settled.floor, place.topic_id, place.epoch, settled.above)

    def topic_id(self, tp: tuple[str, int]) -> str:
        """Return the id of the topic that is read; empty if unknown."""
        place = self._places.get(tp)
        return "" if place is None else place.topic_id

    def suspect(self, tps: Iterable[TP]) -> None:
        """Note evidence that the logs of these partitions were replaced or truncated."""
        self._suspects.update(tp for tp in tps if tp in self._places)
        if self._suspects:
            self._evidence.set()

    async def run(self) -> None:
        """Compare the logs with what was read of them, forever."""
        pause = INTERVAL
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._evidence.wait()
            self._evidence.clear()
            try:
                answered = await self.check()
            except (KafkaError, TimeoutError) as error:
                log.info("the logs can't be checked, will be tried again: %r", error)
                answered = False
            pause = INTERVAL if answered else SOON if pause == INTERVAL else min(2 * pause, INTERVAL)
            await asyncio.sleep(AT_LEAST)  # evidence that the brokers do not confirm must not flood them with requests

    async def check(self) -> bool:
        """Compare the logs with what was read of them, once; return False if an answer was missing."""
        if self._missing and self._is_assigned:
            await self._begin_missing()
        before = {TP(*tp): (place.number, place.reading(), place.checked) for tp, place in self._places.items()}
        suspects = set(self._suspects)
        logs = await self._brokers.logs(before.keys()) if before else {}
        unsure = {
            tp: read.epoch
            for tp, (_, read, checked) in before.items()
            if read.epoch >= 0
            and (found := logs.get(tp)) is not None
            and (tp in suspects or found.epoch != checked or found.end < read.offset)
        }
        kept = await self._brokers.epoch_ends(unsure) if unsure else {}
        moves: defaultdict[str, dict[TP, Seek]] = defaultdict(dict)
        unanswered = (before.keys() - logs.keys()) | (unsure.keys() - kept.keys())
        for tp in before.keys() - unanswered:
            number, read, _ = before[tp]
            place = self._places.get(tp)
            if self._is_assigned and place is not None and place.number == number:
                # Without a new epoch nothing was lost, whatever end the broker reports.
                whole = read.offset if read.epoch >= 0 else None
                end = kept[tp] if tp in unsure else whole
                if tp in unsure:
                    self._tracker.cut(tp, place.next if end is None else end)
                if self._judge(tp, place, read, logs[tp], end, suspected=tp in suspects):
                    moves[tp.topic][tp] = self._seek(tp)
        for topic, seeks in moves.items():
            if not self._renewed(topic):
                self._fetching[topic].move(seeks)
        return not unanswered and not self._missing

    def _judge(self, tp: TP, place: Place, read: Reading, found: Log, kept: int | None, *, suspected: bool) -> bool:
        """Decide about a partition; return whether its client must seek to its place again."""
        if suspected:
            self._suspects.discard(tp)
        match moved(read, found, kept):
            case "anew" | "shorter":
                start = self._start_of(tp, read, found, kept)
                # In the unchanged part of the log, settled records need not be read again; records in flight must be.
                start = max(found.first, min(start, self._tracker.floor(tp) or 0))
                self._begin(tp, Start(start, found))
                self._on_moved(tp, start)
            # Only after the client ran out: records fetched before retention removed them are still delivered.
            case _ if place.next < found.first and suspected:
                start = self._start_of(tp, place.reading(), found, None)
                self._tracker.skip(tp, place.next, start)
                place.next, place.checked = start, found.epoch
            case _:
                place.checked = found.epoch
                place.topic_id = place.topic_id or found.topic_id
                # If evidence came since the brokers were asked, later records were not handed over: see `note`.
                if tp not in self._suspects and (place.is_blind or place.next == read.offset):
                    place.epoch = max(place.epoch, found.epoch)
                return suspected  # even if all is well: the client may have stopped reading
        return True

    async def _begin_missing(self) -> None:
        missing = frozenset(self._missing)
        begun = await self._begun(missing)
        for tp, start in begun.items():
            if tp in self._missing:
                self._missing.discard(tp)
                self._begin(tp, start)
                self._on_moved(tp, start.offset)
        if begun:
            await self._assign()
