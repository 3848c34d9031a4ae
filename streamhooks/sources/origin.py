"""What all calls of a source record have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.metrics import LOOPS
from streamhooks.records.call import HOPS_HEADER
from streamhooks.records.ids import derived_id, source_id
from streamhooks.records.weight import LARGE, weight
from streamhooks.tasks.call import Call

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Origin(Struct, frozen=True):
    """The source record of calls."""

    id: str
    source: str
    created: int
    """Epoch milliseconds."""
    partition: int
    """The partition of the record."""
    traceparent: str | None
    hops: int = 0
    """How many deliveries, each causing the next, led to the record."""
    size: int = 0
    """The weight of the record, if it is large."""


def origin_of(record: Record, now_ms: int) -> Origin:
    """Return the origin of the calls that a record causes; `now_ms` is epoch milliseconds."""
    traceparent, hops = None, 0
    if record.headers:
        traceparent, hops = _traceparent_of(record), hops_of(record)
    return Origin(
        source_id(record.topic, record.partition, record.offset, record.timestamp),
        record.source,
        now_ms,
        record.partition,
        traceparent,
        hops,
        size if (size := weight(record.value)) > LARGE else 0,
    )


def _traceparent_of(record: Record) -> str | None:
    found = next((value for name, value in record.headers if name == "traceparent"), None)
    # An invalid header would prevent the delivery.
    return found.decode() if found is not None and _TRACEPARENT.fullmatch(found) else None


class Origins:
    """Gives the origins of records. `clock` gives epoch seconds; `max_hops` bounds the deliveries that led to one."""

    def __init__(self, clock: Callable[[], float], max_hops: int) -> None:
        self._clock = clock
        self._max_hops = max_hops

    def of(self, record: Record) -> Origin:
        """Return the origin of what a record causes now; raise BrokenRecord if it is in a loop of webhooks."""
        origin = origin_of(record, int(self._clock() * 1000))
        if origin.hops >= self._max_hops:
            LOOPS.labels(record.topic).inc()
            raise BrokenRecord(f"{HOPS_HEADER}: {origin.hops} deliveries led to it, a loop of webhooks")
        return origin


def call_from(
    origin: Origin, task: str, partition: int, args: list[Any], event: str, hook_id: str | None = None
) -> Call:
    """Return the call that a source record causes: a delivery to a hook, or a fan-out if there is no hook.

    `partition` is the partition of `delayed` that the call belongs to. Its id is the `webhook-id`, which is the same
    whenever the record is read.
    """
    return Call(
        origin.id if hook_id is None else derived_id(origin.id, hook_id),
        task,
        partition,
        origin.created,
        args,
        hook_id=hook_id,
        source=origin.source,
        event=event,
        traceparent=origin.traceparent,
        hops=origin.hops,
        size=origin.size,
    )


def hops_of(record: Record) -> int:
    """Return how many deliveries led to a record, from its headers; a value that is not a number counts as 0."""
    found = (value for name, value in record.headers if name.lower() == HOPS_HEADER and value)
    # The first digits of an overlong number are more than any bound.
    return max((int(value[:9]) for value in found if value.isdigit()), default=0)
