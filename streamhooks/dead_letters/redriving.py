"""Sends dead letters again, each as the call that it was, one call per try.

The call's id follows from the letter and the number of the try. So it is one pending call, however often and by however
many workers it is written. Its `webhook-id` is the original one, so a receiver that already has it recognises it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, Protocol

from streamhooks.dead_letters.listing import Found
from streamhooks.dead_letters.states import Known, LetterStates
from streamhooks.errors import BrokenRecord, RecordTooLarge
from streamhooks.kafka.partitions import Partitioner
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.reader import Record, Stop, coordinates
from streamhooks.kafka.together import ToWrite
from streamhooks.records.call import Resent
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id
from streamhooks.sources.origin import origin_of
from streamhooks.sources.topics import Sources
from streamhooks.tasks.call import Call, as_of
from streamhooks.tasks.context import READ_AGAIN
from streamhooks.times import steady

#: after this many failed tries a letter is only sent again by force
TRIES: Final = 3
#: how long Kafka may take to confirm what was written, in seconds
CONFIRMED_WITHIN = 30.0
DROPPED: Final = "it was dropped by hand"
TOO_LARGE: Final = "it is too large to be stored"
#: bytes of calls, and number of states, that are written together
HELD, MOST = 16_000_000, 20_000


class Source(Protocol):
    """Reads the source record of a letter."""

    def __call__(self, letter: DeadLetter, *, stop: Stop) -> Record | None:
        """Return the record, if Kafka still holds it; block; raise TimeoutError."""


Again = Callable[[Hook, Record, Resent, str], Call | None]
"""See `sources.calls.Calls.again`."""


class _Held(NamedTuple):
    """A call that is to be written."""

    letter: str
    number: int
    """The number of the try."""
    partition: int
    call_id: str
    value: bytes
    attempts: int
    """How many attempts were made before it."""


class Outbox(Protocol):
    """Writes to Kafka, from any thread."""

    def begin(self, topic: str, value: bytes | None, **options: Any) -> Future[Published]:
        """Publish without waiting; raise BufferError when the buffer is full."""


class Write(Protocol):
    """Writes many records together; see `kafka.together`."""

    def __call__(self, records: Iterable[ToWrite], *, timeout: float, stop: Stop) -> set[str]:
        """Return the keys of the records that were refused."""


class Redriving:
    """Sends dead letters again, and drops them. Its methods block, so they run in threads.

    `source` reads the record that a letter comes from, `again` gives the call that sends it to a hook; `partitioner`
    gives the partition of a hook in `delayed`; `clock` gives epoch seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        write: Write,
        sources: Sources,
        states: LetterStates,
        *,
        source: Source,
        again: Again,
        partitioner: Partitioner,
        clock: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._write = write
        self._sources, self._topics = sources, sources.topics
        self._states = states
        self._source = source
        self._again = again
        self._partitioner = partitioner
        self._clock = clock

    def may_send(self, found: Found, *, force: bool) -> bool:
        """Tell whether a letter is open, can be sent again, and has not failed too many tries (unless `force`)."""
        letter = found.letter
        if found.state != "open" or (found.tries >= TRIES and not force):
            return False
        if letter.hook_id is not None:
            return found.hook is not None
        return letter.task is not None or self._is_of_users(letter)

    def send(self, letters: Iterable[Found], *, stop: Stop) -> int:
        """Send letters again; return how many when that is confirmed. Letters whose source is gone are left out.

        They are written together, up to a total size: one by one, writing would take the time that is needed to look at
        the others.

        Raises:
            TimeoutError: Kafka does not answer, or `stop` was set.

        """
        sent, size, held = 0, 0, list[_Held]()
        for found in letters:
            call = self._call_of(found, stop)
            if call is None:
                continue
            as_of(call, found.hook)
            value = call.record(attempt=1, due=call.created, reason="resend")
            held.append(_Held(found.key, call.redriven, call.partition, call.id, value, found.attempts))
            sent, size = sent + 1, size + len(value)
            if size >= HELD:
                self._write_calls(held, stop)
                held, size = [], 0
        self._write_calls(held, stop)
        return sent

    def _write_calls(self, held: list[_Held], stop: Stop) -> None:
        topic = self._topics.delayed
        refused = self._write(
            [ToWrite(topic, one.call_id, one.value, one.partition) for one in held],
            timeout=CONFIRMED_WITHIN,
            stop=stop,
        )
        for one in held:
            if one.call_id in refused and not self._written_alone(one, stop):
                known = Known("open", one.number, TOO_LARGE, one.attempts)
                _confirmed(self._begin_state(one.letter, known, one.partition, stop))
            else:
                self._states.ask(one.letter, Known("sent", one.number))

    def _written_alone(self, one: _Held, stop: Stop) -> bool:
        options = {"key": one.call_id, "partition": one.partition}
        try:
            _confirmed(self._begin(self._topics.delayed, one.value, options, stop))
        except RecordTooLarge:
            return False
        return True

    def drop(self, letters: Iterable[Found], *, stop: Stop) -> int:
        """Drop letters; return how many when that is confirmed.

        Raises:
            TimeoutError: Kafka does not answer, or `stop` was set.

        """
        dropped, writing = 0, list[tuple[ToWrite, Known]]()
        for found in letters:
            known = Known("dropped", found.tries, DROPPED)
            value = known.record(found.key, int(self._clock() * 1000)).to_json()
            record = ToWrite(self._topics.letter_states, found.key, value, self._home_of(found.letter))
            writing.append((record, known))
            dropped += 1
            if len(writing) == MOST:
                self._write_states(writing, stop)
                writing.clear()
        self._write_states(writing, stop)
        return dropped

    def _write_states(self, writing: list[tuple[ToWrite, Known]], stop: Stop) -> None:
        refused = self._write([record for record, _ in writing], timeout=CONFIRMED_WITHIN, stop=stop)
        for one, known in writing:
            if one.key in refused:
                _confirmed(self._begin(one.topic, one.value, {"key": one.key, "partition": one.partition}, stop))
            self._states.ask(one.key, known)

    # --- calls

    def _call_of(self, found: Found, stop: Stop) -> Call | None:
        """Return the call that sends a letter again; None if what it needs is gone."""
        letter, number, now = found.letter, found.tries + 1, int(self._clock() * 1000)
        call_id = derived_id(found.key, "redriven", number)
        if letter.task is not None:
            task = letter.task
            return self._call(found, call_id, now, task["name"], task["args"], task["kwargs"])
        record = self._source(letter, stop=stop) if self._is_of_users(letter) else None
        if record is None or record.value is None:
            return None  # a record of our own topics may have been replaced by a newer one
        if letter.hook_id is None:
            call = self._call(found, call_id, now, READ_AGAIN, [record.source], {})
            # Its deliveries have the ids that they would have had originally.
            origin = origin_of(record, now)
            call.webhook_id, call.hops = origin.id, origin.hops
            return call
        if found.hook is None:
            return None
        try:
            of_source = self._again(found.hook, record, "redrive", call_id)
        except BrokenRecord:
            return None
        if of_source is not None:
            of_source.id, of_source.letter, of_source.redriven = call_id, found.key, number
            of_source.earlier = found.attempts
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
            earlier=found.attempts,
            cause="redrive",
            first_id=letter.id,
        )

    def _home_of(self, letter: DeadLetter) -> int:
        """Return the partition of `delayed` whose owner decides about a letter."""
        if letter.hook_id is None and letter.source is not None:
            try:
                return coordinates(letter.source)[1] % self._partitioner.partitions
            except ValueError:
                pass
        return self._partitioner.of(letter.hook_id or letter.id)

    def _is_of_users(self, letter: DeadLetter) -> bool:
        return (letter.source or "").rpartition(":")[0].rpartition(":")[0] in self._sources.of_users

    # --- writing

    def _begin_state(self, letter: str, known: Known, partition: int, stop: Stop) -> Future[Published]:
        value = known.record(letter, int(self._clock() * 1000)).to_json()
        return self._begin(self._topics.letter_states, value, {"key": letter, "partition": partition}, stop)

    def _begin(self, topic: str, value: bytes, options: dict[str, Any], stop: Stop) -> Future[Published]:
        deadline = steady() + CONFIRMED_WITHIN
        while steady() < deadline:
            if stop.is_set():
                raise TimeoutError("nobody is waiting for it any more")
            try:
                return self._outbox.begin(topic, value, **options)
            except BufferError:
                time.sleep(0.02)
        raise TimeoutError("Kafka does not accept the records")


def _confirmed(future: Future[Published]) -> None:
    try:
        future.result(CONFIRMED_WITHIN)
    except TimeoutError:
        future.cancel()
        raise
