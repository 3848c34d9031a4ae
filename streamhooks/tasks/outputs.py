"""What a run leaves behind: records in `delayed`, `dead-letters` and `firings`, each confirmed by the broker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from streamhooks.errors import RecordTooLarge
from streamhooks.in_flight.again import Do
from streamhooks.in_flight.tracker import Ticket
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import BROKEN, DEAD_LETTERS, UNPUBLISHABLE
from streamhooks.records.call import tombstone_headers
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.letter_state import LONGEST_REASON, LetterState, State
from streamhooks.tasks.call import Call, plain_arguments

log = logging.getLogger(__name__)

#: the header of a source record that 0.1.0 wrote again: how often it was sent again
REDRIVEN_HEADER = "streamhooks-redriven"


class Outputs:
    """Writes what runs leave behind. Each method returns when the broker has confirmed the record."""

    def __init__(
        self,
        outbox: Outbox,
        topics: Topics,
        clock: Callable[[], float],
        is_gone: Callable[[str], bool] = lambda _letter: False,
    ) -> None:
        """Write with `outbox`; `is_gone` tells from the key of a letter whether it is gone from `dead-letters`."""
        self._outbox = outbox
        self._topics = topics
        self._clock = clock
        self._is_gone = is_gone

    async def store(
        self, call: Call, *, attempt: int, due: int, reason: str, last: dict[str, Any] | None = None
    ) -> None:
        """Write the call to `delayed`, to run as this attempt when it is due (epoch milliseconds)."""
        value = call.record(attempt=attempt, due=due, reason=reason, last=last)
        try:
            await self._outbox.publish(self._topics.delayed, value, key=call.id, partition=call.partition)
        except RecordTooLarge as error:
            UNPUBLISHABLE.labels(self._topics.delayed).inc()
            await self.give_up(call, f"its retry can't be stored: {error}", last)

    async def settle(self, call: Call) -> None:
        """Write the tombstone of a call that has ended, if it has a record in `delayed`."""
        if call.stored:
            await self._outbox.publish(
                self._topics.delayed,
                None,
                key=call.id,
                partition=call.partition,
                headers=tombstone_headers(call.attempt),
            )

    async def settle_moved(self, call: Call) -> None:
        """Write the tombstone of a call that goes on in another partition."""
        headers = tombstone_headers(call.attempt, call.moved)
        await self._outbox.publish(self._topics.delayed, None, key=call.id, partition=call.partition, headers=headers)

    async def give_up(self, call: Call, reason: str, last: dict[str, Any] | None) -> None:
        """Write the call to `dead-letters`, with all that is needed to send it again.

        It is truncated if its arguments are gone. A call that sends a letter again becomes no new letter: its letter is
        open again.
        """
        if call.letter is not None and not self._is_gone(call.letter):
            await self.end_letter(call, "open", reason, last)
            return
        task = {"name": call.task, "args": plain_arguments(call.args), "kwargs": call.kwargs}
        await self._bury(
            DeadLetter(
                id=call.callers_id,
                at=int(self._clock() * 1000),
                reason=reason,
                hook_id=call.hook_id,
                task=task if call.kept_at is None else None,
                attempts=call.attempts,
                last=last,
                source=call.source,
                redriven=call.redriven,
                truncated=call.kept_at is not None,
                webhook_id=call.webhook_id,
                event=call.event,
                hops=call.hops,
            ),
            key=call.hook_id or call.callers_id,
        )

    async def end_letter(
        self,
        call: Call,
        state: State,
        reason: str | None = None,
        last: dict[str, Any] | None = None,
        *,
        ran: bool = True,
    ) -> None:
        """Record how this try ended, if the call sends a dead letter again; to be called before the call is settled.

        ran -- whether the due attempt was made.
        """
        if call.letter is not None:
            at, why = int(self._clock() * 1000), reason[:LONGEST_REASON] if reason else None
            known = LetterState(call.letter, state, call.redriven, at, why, call.attempts - (not ran), last)
            await self.write_letter_state(known, call.partition)

    async def write_letter_state(self, known: LetterState, partition: int) -> None:
        """Write the state of a letter; `partition` is that of its calls in `delayed`."""
        value = known.to_json()
        await self._outbox.publish(self._topics.letter_states, value, key=known.letter, partition=partition)

    async def forget_letter(self, letter: str, partition: int) -> None:
        """Write the tombstone of the state of a letter that is gone."""
        await self._outbox.publish(self._topics.letter_states, None, key=letter, partition=partition)

    async def bury(self, record: Record, reason: str, truncated: bool = False) -> None:
        """Write an unreadable record to `dead-letters`, under its coordinates.

        The bytes of a record of `hooks` are left out, since they may contain a secret. `truncated` means that the bytes
        are not available.
        """
        truncated = truncated or record.topic == self._topics.hooks
        BROKEN.labels(record.topic).inc()
        log.warning("broken record %s: %s", record.source, shown(reason, LONGEST_TEXT))
        letter = DeadLetter(
            id=record.source,
            at=int(self._clock() * 1000),
            reason=reason,
            raw=None if truncated else record.value or b"",
            source=record.source,
            truncated=truncated,
            redriven=_redriven(record),
        )
        await self._bury(letter, key=record.source)

    async def _bury(self, letter: DeadLetter, key: str) -> None:
        DEAD_LETTERS.inc()
        try:
            value = letter.to_json()
        except orjson.JSONEncodeError:
            value = replace(letter, task=None, raw=None, truncated=True).to_json()
        try:
            await self._outbox.publish(self._topics.dead_letters, value, key=key)
        except RecordTooLarge:
            # Too large to be stored whole: the rest names its source, from which it can be read again.
            UNPUBLISHABLE.labels(self._topics.dead_letters).inc()
            short = replace(letter, task=None, raw=None, truncated=True, reason=letter.reason[:1000])
            await self._outbox.publish(self._topics.dead_letters, short.to_json(), key=key)


def _redriven(record: Record) -> int:
    found = [value for name, value in record.headers if name == REDRIVEN_HEADER and value and value.isdigit()]
    return int(found[-1][:9]) if found else 0


def burying(outputs: Outputs, record: Record, reason: str, ticket: Ticket) -> Do:
    """Return what writes the dead letter of a source record, and then settles the record; it may be done again."""

    async def bury() -> None:
        await outputs.bury(record, reason)
        ticket.release()

    return bury
