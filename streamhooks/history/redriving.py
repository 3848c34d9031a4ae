"""What was given up gets one more chance: a dead letter as the call that it was, once for each try.

The call's id follows from the letter and the try, so it is one pending call however often, and by however many workers,
it is written. Its `webhook-id` is that of the first time: a receiver that has it already knows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol

from streamhooks.errors import BrokenRecord, RecordTooLarge
from streamhooks.history.dead_letters import Found
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.reader import Record, Stop, coordinates
from streamhooks.kafka.topics import Topics
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id
from streamhooks.records.letter_state import LetterState
from streamhooks.tables.letter_states import Known, LetterStates
from streamhooks.tasks.call import Call, as_of
from streamhooks.tasks.context import READ_AGAIN
from streamhooks.tasks.matching import SOURCES, call_for, read_source
from streamhooks.tasks.origin import origin_of
from streamhooks.times import steady

#: what was sent again so often in vain is not sent again without being forced
TRIES: Final = 3
#: how long Kafka may take to confirm what was written, in seconds
CONFIRMED_WITHIN = 30.0
DROPPED: Final = "it was dropped by hand"


class Source(Protocol):
    """Reads the record that a letter comes from."""

    def __call__(self, letter: DeadLetter, *, stop: Stop) -> Record | None:
        """Return it if Kafka still holds it; block, and raise TimeoutError."""


class Outbox(Protocol):
    """What writes to Kafka, from any thread."""

    def begin(self, topic: str, value: bytes | None, **options: Any) -> Future[Published]:
        """Publish without waiting; raise BufferError when the buffer is full."""


class Redriving:
    """Sends dead letters again, and drops them. Its methods block: they are run in threads.

    `source` reads the record that a letter comes from; `partition_of` gives the partition of a hook in `delayed`, of
    which there are `partitions`; `clock` gives epoch seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        topics: Topics,
        states: LetterStates,
        *,
        get_hook: Callable[[str], Hook | None],
        source: Source,
        partition_of: Callable[[str], int],
        partitions: int,
        clock: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._topics = topics
        self._states = states
        self._get_hook = get_hook
        self._source = source
        self._partition_of = partition_of
        self._partitions = partitions
        self._clock = clock

    def may_send(self, found: Found, *, force: bool) -> bool:
        """Whether a letter is open and can be sent again, and was not in vain too often."""
        letter = found.letter
        if found.state != "open" or (found.tries >= TRIES and not force):
            return False
        if letter.hook_id is not None:
            return self._get_hook(letter.hook_id) is not None
        return letter.task is not None or self._kind_of(letter) in SOURCES

    def send(self, letters: Iterable[Found], *, stop: Stop) -> int:
        """Send letters again; returns how many, when that is confirmed: without those whose source is gone.

        Raises:
            TimeoutError: Kafka does not answer, or `stop` was set.

        """
        begun = list[tuple[Found, Call, Future[Published]]]()
        for found in letters:
            call = self._call_of(found, stop)
            if call is not None:
                as_of(call, self._get_hook(call.hook_id or ""))
                value = call.record(attempt=1, due=call.created, reason="resend")
                options = {"key": call.id, "partition": call.partition}
                begun.append((found, call, self._begin(self._topics.delayed, value, options, stop)))
        for found, call, future in begun:
            try:
                _confirmed(future)
                self._states.ask(found.key, Known("sent", call.redriven))
            except RecordTooLarge as error:
                self._write(found, Known("open", call.redriven, f"it can't be stored: {error}"), call.partition, stop)
        return len(begun)

    def drop(self, letters: Iterable[Found], *, stop: Stop) -> int:
        """Drop those that are open; returns how many, when that is confirmed.

        Raises:
            TimeoutError: Kafka does not answer, or `stop` was set.

        """
        known, begun = dict[str, Known](), list[tuple[str, Future[Published]]]()
        for found in letters:
            known[found.key] = Known("dropped", found.tries, DROPPED)
            begun.append((found.key, self._begin_state(found, known[found.key], self._home_of(found.letter), stop)))
        for key, future in begun:
            _confirmed(future)
            self._states.ask(key, known[key])
        return len(begun)

    # --- calls

    def _call_of(self, found: Found, stop: Stop) -> Call | None:
        """The call that sends a letter again; None if nobody has what it needs any more."""
        letter, number, now = found.letter, found.tries + 1, int(self._clock() * 1000)
        call_id = derived_id(found.key, "redriven", number)
        if letter.task is not None:
            task = letter.task
            return self._call(found, call_id, now, task["name"], task["args"], task["kwargs"])
        record = self._source(letter, stop=stop) if self._kind_of(letter) in SOURCES else None
        if record is None or record.value is None:
            return None  # what lies in our own topics may be newer by now
        if letter.hook_id is None:
            call = self._call(found, call_id, now, READ_AGAIN, [record.source], {})
            # Its deliveries have the ids that they would have had when the record was read first.
            origin = origin_of(record, now)
            call.webhook_id, call.hops = origin.id, origin.hops
            return call
        hook = self._get_hook(letter.hook_id)
        if hook is None:
            return None
        try:
            source = read_source(record.topic.removeprefix(self._topics.prefix), record.value)
        except BrokenRecord:
            return None
        partitions = (self._partition_of(hook.id), self._partitions)
        of_source = call_for(hook, source, origin_of(record, now), call_id, partitions)
        if of_source is not None:
            of_source.id, of_source.letter, of_source.redriven = call_id, found.key, number
            of_source.partition = self._home_of(letter)
        return of_source

    def _call(
        self, found: Found, call_id: str, now: int, task: str, args: list[Any], kwargs: Mapping[str, Any]
    ) -> Call:
        letter = found.letter
        return Call(
            call_id,
            task,
            self._home_of(letter),
            now,
            args,
            dict(kwargs),
            hook_id=letter.hook_id,
            source=letter.source,
            event=letter.event,
            webhook_id=letter.webhook_id or letter.id,
            hops=letter.hops,
            redriven=found.tries + 1,
            letter=found.key,
        )

    def _home_of(self, letter: DeadLetter) -> int:
        """The partition of `delayed` whose owner decides about a letter."""
        if letter.hook_id is None and letter.source is not None:
            try:
                return coordinates(letter.source)[1] % self._partitions
            except ValueError:
                pass
        return self._partition_of(letter.hook_id or letter.id)

    def _kind_of(self, letter: DeadLetter) -> str:
        return (letter.source or "").rpartition(":")[0].rpartition(":")[0].removeprefix(self._topics.prefix)

    # --- writing

    def _write(self, found: Found, known: Known, partition: int, stop: Stop) -> None:
        _confirmed(self._begin_state(found, known, partition, stop))

    def _begin_state(self, found: Found, known: Known, partition: int, stop: Stop) -> Future[Published]:
        value: LetterState = known.record(found.key, int(self._clock() * 1000))
        options = {"key": found.key, "partition": partition}
        return self._begin(self._topics.letter_states, value.to_json(), options, stop)

    def _begin(self, topic: str, value: bytes, options: dict[str, Any], stop: Stop) -> Future[Published]:
        deadline = steady() + CONFIRMED_WITHIN
        while steady() < deadline:
            if stop.is_set():
                raise TimeoutError("nobody waits for it any more")
            try:
                return self._outbox.begin(topic, value, **options)
            except BufferError:
                time.sleep(0.02)
        raise TimeoutError("Kafka does not take what is written")


def _confirmed(future: Future[Published]) -> None:
    try:
        future.result(CONFIRMED_WITHIN)
    except TimeoutError:
        future.cancel()
        raise
