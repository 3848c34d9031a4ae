"""The arguments of large pending calls: from their record in `delayed`, else from the source."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from streamhooks.delayed.kept import KeptArguments
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.sources.origin import call_from, origin_of
from streamhooks.sources.rules import asks, delivery_of, read_source
from streamhooks.sources.topics import Sources
from streamhooks.tasks.call import Call

KNOWN = Sources(Topics("p."))
HOOK = "a" * 32
EVENT = {
    "event_id": "e" * 32,
    "type": "error",
    "datetime": "2026-11-22T10:00:00Z",
    "organization": {"id": "1", "slug": "acme"},
    "project": {"id": "1", "slug": "shop", "name": "Shop"},
    "group": {"id": "1001"},
    "data": {"price": 1.10},
}
VALUES = {
    "events": EVENT,
    "alerts": {"event": EVENT, "rule": "r", "app_id": "7"},
    "resource-changes": {
        "action": "created",
        "sender": "Group",
        "instance_id": "1",
        "instance": {"a": 1},
        "organization": {"id": "1", "slug": "acme"},
    },
    "messages": {"type": "order.paid", "organization_id": "1", "data": {"total": 1.10}},
}


def source(kind: str, offset: int = 3, timestamp: int = 1500) -> Record:
    return Record(f"p.{kind}", 2, offset, timestamp, b"k", json.dumps(VALUES[kind]).encode())


def call_of(record: Record, number: int = 0) -> Call:
    """The call of a source record to a hook."""
    source = read_source(KNOWN.of(record.topic), record, None)
    ask = asks(source)[number]
    task, args = delivery_of(source, ask, record)
    return call_from(origin_of(record, 0), task, 1, [HOOK, *args], ask.event, HOOK)


def stored(call: Call, offset: int = 9) -> Record:
    value = call.record(attempt=2, due=0, reason="retry")
    return Record("p.delayed", call.partition, offset, 0, call.id.encode(), value)


def pending(call: Call, offset: int = 9) -> Call:
    """The call as it waits, without its arguments."""
    short = decode(DelayedCall, call.record(attempt=2, due=0, reason="retry"))
    short = replace(short, args=[], kwargs={})
    return Call.from_record(short, call.partition, 100_000, offset)


class Kafka:
    def __init__(self, *records: Record) -> None:
        self.records = {(record.topic, record.partition, record.offset): record for record in records}

    async def read_one(self, topic: str, partition: int, offset: int) -> Record | None:
        return self.records.get((topic, partition, offset))

    async def read(self, call: Call) -> bool:
        return await KeptArguments(self.read_one, KNOWN).read(call)


def same(call: Call, other: Call) -> bool:
    """Whether both calls are written in the same way."""
    texts: list[Any] = [one.record(attempt=2, due=0, reason="retry") for one in (call, other)]
    return texts[0] == texts[1]


# Each with the number of an ask: of service hooks, of message hooks, of the hooks of apps.
SOURCES = [
    *(("events", number) for number in range(2)),
    *(("alerts", number) for number in range(3)),
    *(("resource-changes", number) for number in range(2)),
    ("messages", 0),
]


@pytest.mark.parametrize(("kind", "number"), SOURCES)
async def test_they_lie_in_the_record_of_the_call(kind, number):
    call = call_of(source(kind), number)
    kept = pending(call)
    assert not same(kept, call)
    assert await Kafka(stored(call)).read(kept)
    assert same(kept, call)
    assert kept.kept_at is None


@pytest.mark.parametrize(("kind", "number"), SOURCES)
@pytest.mark.parametrize("found", ["nothing", "another call", "a tombstone", "garbage"])
async def test_where_the_record_is_gone_they_are_made_of_the_source(kind, number, found):
    record = source(kind)
    call = call_of(record, number)
    instead = {
        "nothing": [],
        "another call": [
            stored(call)._replace(value=call_of(source("events", 4)).record(attempt=1, due=0, reason="retry"))
        ],
        "a tombstone": [stored(call)._replace(value=None)],
        "garbage": [stored(call)._replace(value=b"{}")],
    }[found]
    kept = pending(call)
    assert await Kafka(record, *instead).read(kept)
    assert same(kept, call)


@pytest.mark.parametrize("changes", [None, {"timestamp": 1501}, {"value": b"{}"}, {"value": None}])
async def test_what_lies_at_the_place_of_the_source_may_be_another_record(changes):
    kept = pending(call_of(source("events")))
    assert not await Kafka(*([] if changes is None else [source("events")._replace(**changes)])).read(kept)
    assert kept.kept_at == 9


@pytest.mark.parametrize("from_where", [None, "p.notices:0:1", "elsewhere:0:1"])
async def test_a_call_of_which_no_source_is_known_has_no_arguments_any_more(from_where):
    kept = pending(call_of(source("events")))
    kept.source = from_where
    assert not await Kafka(source("events")).read(kept)


async def test_there_is_nothing_to_read_for_a_call_that_is_whole():
    call = call_of(source("events"))
    assert await Kafka().read(call)
