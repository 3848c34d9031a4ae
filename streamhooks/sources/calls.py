"""The calls that source records cause, when they are live and when they are sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.matching import Ask, matches
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.metrics import DUPLICATES
from streamhooks.records.call import Resent
from streamhooks.records.formats import Registry
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id
from streamhooks.records.notice import Notice
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.filtering import delivered_message
from streamhooks.sources.kinds import SourceKind, SourceRecord
from streamhooks.sources.notices import HookNotice
from streamhooks.sources.origin import Origin, call_from, origin_of
from streamhooks.sources.rules import (
    DeliveryParts,
    FanOutParts,
    Source,
    UserRecord,
    asks,
    delivery_of,
    duplicate_key,
    fan_out_of,
)
from streamhooks.sources.topics import Sources
from streamhooks.tasks.call import Call
from streamhooks.webhooks.filtering import let_through


class Reads(Protocol):
    """Reads the records of a source topic."""

    def read(self, record: Record, registry: Registry | None) -> SourceRecord | None:
        """Return what a record holds; None if the topic's `when` is false; raise BrokenRecord if it can't be read."""


class Calls:
    """Makes the calls of source records. One per worker.

    `partition_of` gives the partition of a hook in `delayed`, which has `partitions` partitions; `clock` gives epoch
    seconds.
    """

    def __init__(
        self,
        hooks: HooksTable,
        sources: Sources,
        *,
        partition_of: Callable[[str], int],
        partitions: int,
        duplicates: Duplicates,
        clock: Callable[[], float],
        registry: Registry | None = None,
    ) -> None:
        self._hooks = hooks
        self._sources = sources
        self._partition_of = partition_of
        self._partitions = partitions
        self._duplicates = duplicates
        self._clock = clock
        self._registry = registry

    def of(self, topic: Reads, record: Record, origin: Origin) -> list[Call]:
        """Return the calls of a live record.

        Raises:
            BrokenRecord: the record can't be read.

        """
        source = self._read(topic, record)
        if source is None:
            return []
        if self._duplicates.are_sought and self._is_duplicate(source, record, origin):
            return []
        fan_out = fan_out_of(source)
        calls: list[Call] = []
        for ask in asks(source, of_messages=self._hooks.has_message_hooks):
            if fan_out is None or ask.hook_kind != "app":
                calls += self._deliveries(source, ask, record, origin)
        if fan_out is not None:
            calls.append(self._fan_out(fan_out, origin))
        return calls

    def knows(self, topic: str) -> bool:
        """Tell whether this worker can read the records of a topic: it is a source topic."""
        return self._sources.of(topic) is not None

    def again(self, hook: Hook, record: Record, cause: Resent, id_of: str) -> Call | None:
        """Return the call that sends a record to a hook again; None if the record does not fire the hook.

        `cause` is why it is sent again. `id_of` gives the call a new id, while its `webhook-id` stays the same.

        Raises:
            BrokenRecord: the record can't be read.

        """
        source = self._read(self._sources.of(record.topic), record)
        if source is None:
            return None
        ask = next((one for one in asks(source) if matches(hook, one)), None)
        if ask is None:
            return None
        origin = origin_of(record, int(self._clock() * 1000))
        if (delivery := delivery_of(source, ask, record)) is not None:
            found = self._calls(delivery, origin, ask, [hook])
            return again(found[0], cause, id_of) if found else None
        # Its resource may be missing so far: the fan-out waits for it, and is for this hook only.
        fan_out = fan_out_of(source, only=hook.id)
        return None if fan_out is None else again(self._fan_out(fan_out, origin), cause, id_of)

    def _is_duplicate(self, source: Source, record: Record, origin: Origin) -> bool:
        key = duplicate_key(source)
        if not key or not self._duplicates.is_duplicate(origin.id, record.topic, *key):
            return False
        DUPLICATES.labels(record.topic).inc()
        return True

    def _read(self, topic: Reads | None, record: Record) -> Source | None:
        if topic is None:
            raise BrokenRecord("it is of no source topic")
        found = topic.read(record, self._registry)
        # By the topic, since asking each record for its type takes longer.
        if topic is not SourceKind.NOTICES:
            return cast(UserRecord | None, found)
        notice = cast(Notice, found)
        return HookNotice(notice, self._hooks.get(notice.hook_id))

    def _deliveries(self, source: Source, ask: Ask, record: Record, origin: Origin) -> list[Call]:
        hooks = self._hooks.matching(ask)
        if not hooks or (delivery := delivery_of(source, ask, record)) is None:
            return []
        return self._calls(delivery, origin, ask, hooks)

    def _calls(self, delivery: DeliveryParts, origin: Origin, ask: Ask, hooks: list[Hook]) -> list[Call]:
        """Return the calls of those of the hooks whose filters let the delivery pass."""
        (task, args), partition_of = delivery, self._partition_of
        if (message := delivered_message(delivery)) is None:
            return [
                call_from(origin, task, partition_of(hook.id), [hook.id, *args], ask.event, hook.id) for hook in hooks
            ]
        calls = []
        for hook, is_fit in let_through(hooks, message, self._hooks.is_active):
            call = call_from(origin, task, partition_of(hook.id), [hook.id, *args], ask.event, hook.id)
            call.is_fit = is_fit
            calls.append(call)
        return calls

    def _fan_out(self, fan_out: FanOutParts, origin: Origin) -> Call:
        partition = origin.partition % self._partitions
        return call_from(origin, fan_out.task, partition, fan_out.args, fan_out.event)


def again(call: Call, cause: Resent, id_of: str) -> Call:
    """Give the call a new id and the same `webhook-id`, so that the state of the original does not apply; return it."""
    call.id = derived_id(call.webhook_id, id_of)
    call.cause = cause
    return call
