"""Lists `dead-letters`, newest first, each with its state."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal, get_args

from streamhooks.dead_letters.states import Known, LetterStates
from streamhooks.errors import BrokenRecord
from streamhooks.kafka.backwards import Page, Place
from streamhooks.kafka.backwards import page as page_of
from streamhooks.kafka.between import ranges_between
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import OneReader, Record, Stop, coordinates, scan, scanning
from streamhooks.kafka.topics import Topics
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.letter_state import State
from streamhooks.settings import Settings
from streamhooks.times import ALWAYS, Between

TIMEOUT = 30.0
#: records that are searched for one page
LOOKED_THROUGH = 20_000

Wanted = Literal[State, "all"]
WANTED: Final = (*get_args(State), "all")
Kind = Literal["delivery", "task", "record"]
KINDS: Final = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters to list; None means all."""

    hook_id: str | None = None
    reason: str | None = None
    """A part of the reason, ignoring case."""
    between: Between = ALWAYS
    """When it was written."""
    task: str | None = None
    """The name of its task."""
    url: str | None = None
    """A part of the hook's URL, ignoring case."""
    organization_id: str | None = None
    """The hook's organization."""
    kind: Kind | None = None
    """What was given up: a delivery, a call without a hook, or a source record as a whole."""
    state: Wanted = "open"

    def fits(self, found: Found) -> bool:
        """Tell whether a letter matches."""
        letter = found.letter
        return (
            (self.state == "all" or found.state == self.state)
            and self.hook_id in (None, letter.hook_id)
            and self.kind in (None, found.kind)
            and self.between.holds(found.timestamp)
            and (self.reason is None or self.reason.lower() in found.reason.lower())
            and (self.task is None or (letter.task is not None and letter.task["name"] == self.task))
            and self._fits_hook(found.hook)
        )

    def _fits_hook(self, hook: Hook | None) -> bool:
        if self.url is None and self.organization_id is None:
            return True
        if hook is None or self.organization_id not in (None, hook.organization_id):
            return False
        return self.url is None or self.url.lower() in hook.url.lower()


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter, its place in the topic, and its state."""

    partition: int
    offset: int
    timestamp: int
    """When it was written, epoch milliseconds."""
    letter: DeadLetter
    key: str
    """The key of its state. The timestamp distinguishes it from a letter at the same offset of a recreated topic."""
    known: Known | None = None
    """Its state; None if it was never sent again or dropped."""
    hook: Hook | None = None
    """Its hook as it is now; None if it has none, or the hook was deleted."""

    @property
    def name(self) -> str:
        """Return `<partition>:<offset>`."""
        return f"{self.partition}:{self.offset}"

    @property
    def kind(self) -> Kind:
        """Return what was given up; a record is known by its coordinates, a call by an id of its own."""
        if self.letter.hook_id is not None:
            return "delivery"
        return "record" if self.letter.id == self.letter.source else "task"

    @property
    def state(self) -> State:
        """Return its state."""
        return "open" if self.known is None else self.known.state

    @property
    def tries(self) -> int:
        """Return how often it was sent again; 0.1.0 wrote the number into a new letter each time."""
        return self.letter.redriven if self.known is None else max(self.known.tries, self.letter.redriven)

    @property
    def reason(self) -> str:
        """Return why it last failed; for a letter that is not open, why it first failed."""
        if self.known is None or self.known.reason is None or self.state != "open":
            return self.letter.reason
        return self.known.reason

    @property
    def attempts(self) -> int:
        """Return the number of attempts, including those before it was sent again."""
        if self.known is None or self.known.attempts is None or self.state != "open":
            return self.letter.attempts
        return self.known.attempts

    @property
    def last(self) -> dict[str, Any] | None:
        """Return the result of the last failed attempt."""
        known = self.known.last if self.known is not None and self.state == "open" else None
        return known or self.letter.last


class DeadLetters:
    """Reads `dead-letters`.

    Each call blocks. It raises TimeoutError if Kafka does not answer, the states are still being read, or `stop` is
    set.
    """

    def __init__(
        self,
        settings: Settings,
        states: LetterStates,
        get_hook: Callable[[str], Hook | None],
        is_known: Callable[[], bool] = lambda: True,
    ) -> None:
        """Use the hooks and states of this worker; `is_known` tells whether all states have been read."""
        self._settings = settings
        self._topic = Topics(settings.topic_prefix).dead_letters
        self._states = states
        self._get_hook = get_hook
        self._is_known = is_known
        self._reader = OneReader(settings)
        self._offsets = Offsets(settings)

    def page(self, wanted: Filter, before: Mapping[int, Place], limit: int, *, stop: Stop) -> Page[Found]:
        """Return the newest letters that match, at most `limit`, without their arguments and bytes.

        `before` are the places that the previous page reached.
        """
        self._check()
        # After a previous page, the end of the period need not be found again.
        bounds = self._bounds(Between(wanted.between.since) if before else wanted.between, stop)
        with scanning(self._settings, timeout=TIMEOUT, stop=stop) as read:
            look = partial(self._shown, wanted)
            return page_of(read, look, self._topic, bounds, before, limit=limit, most=LOOKED_THROUGH)

    def one(self, partition: int, offset: int, *, stop: Stop) -> Found | None:
        """Return the letter at this place; None if it is gone."""
        self._check()
        record = self._reader.read(self._topic, partition, offset, timeout=TIMEOUT, stop=stop)
        return None if record is None else self._found(record)

    def at(self, places: Iterable[tuple[int, int]], *, stop: Stop) -> Generator[Found]:
        """Yield the letters at these places."""
        known = self._offsets.partitions(self._topic)
        for partition, offset in places:
            # Kafka gives no answer about a missing partition.
            if partition in known and (one := self.one(partition, offset, stop=stop)) is not None:
                yield one

    def all(self, wanted: Filter, *, stop: Stop) -> Generator[Found]:
        """Yield the letters that match and exist now, oldest first in each partition."""
        self._check()
        ranges = {(self._topic, number): bounds for number, bounds in self._bounds(wanted.between, stop).items()}
        for record in scan(self._settings, ranges, timeout=600.0, stop=stop):
            if (one := self._found(record)) is not None and wanted.fits(one):
                yield one

    def source(self, letter: DeadLetter, *, stop: Stop) -> Record | None:
        """Return the source record of a letter, if Kafka still holds it."""
        if letter.source is None:
            return None
        topic, partition, offset = coordinates(letter.source)
        return self._reader.read(topic, partition, offset, timeout=TIMEOUT, stop=stop)

    def ends(self) -> dict[int, tuple[int, int]]:
        """Return the first offset that Kafka still holds, and the next one to be written, by partition."""
        return self._offsets.bounds(self._topic)

    def _check(self) -> None:
        if not self._is_known():
            raise TimeoutError("the states of the dead letters are still being read")

    def close(self) -> None:
        """Close the idle clients."""
        self._reader.close()

    def _bounds(self, between: Between, stop: Stop) -> dict[int, tuple[int, int]]:
        found = ranges_between(self._settings, [self._topic], between, stop=stop)
        return {number: bounds for (_, number), bounds in found.items()}

    def _shown(self, wanted: Filter, record: Record) -> list[Found]:
        """Return what a page shows of a record: nothing if it is not a letter that matches."""
        found = self._found(record)
        if found is None or not wanted.fits(found):
            return []
        # A letter may have a megabyte, so only what is shown is kept.
        letter = found.letter
        task = None if letter.task is None else {"name": letter.task["name"], "args": [], "kwargs": {}}
        return [replace(found, letter=replace(letter, raw=None, task=task))]

    def _found(self, record: Record) -> Found | None:
        try:
            letter = decode(DeadLetter, record.value)
        except BrokenRecord:
            return None
        key = f"{record.partition}:{record.offset}:{record.timestamp}"
        hook = None if letter.hook_id is None else self._get_hook(letter.hook_id)
        return Found(record.partition, record.offset, record.timestamp, letter, key, self._states.get(key), hook)
