"""Loops: a record that too many deliveries led to fires nothing; what it fires carries one more."""

from __future__ import annotations

import orjson
import pytest
from support.examples import EVENT
from test_intake import World, message

from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.metrics import LOOPS
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.origin import hops_of
from streamhooks.sources.topics import Sources
from streamhooks.tasks.call import Call

HOOK = Hook(id="b" * 32, organization_id="1", url="https://example.com/", events=("event.created",), secret="x" * 16)


@pytest.mark.parametrize(
    ("headers", "hops"),
    [
        ((), 0),
        ((("other", b"9"),), 0),
        ((("streamhooks-hops", b"3"),), 3),
        ((("Streamhooks-Hops", b"3"),), 3),
        ((("streamhooks-hops", b"1"), ("streamhooks-hops", b"4"), ("streamhooks-hops", b"2")), 4),
        ((("streamhooks-hops", b""),), 0),
        ((("streamhooks-hops", None),), 0),
        ((("streamhooks-hops", b"-1"),), 0),
        ((("streamhooks-hops", b"2.5"),), 0),
        ((("streamhooks-hops", b"\xff"),), 0),
        ((("streamhooks-hops", "\u0664".encode()),), 0),
        ((("streamhooks-hops", b"9" * 10_000),), 999_999_999),
    ],
)
def test_what_a_header_says(headers, hops: int) -> None:
    assert hops_of(Record("events", 0, 0, 0, None, b"{}", headers)) == hops


async def test_at_the_bound_a_record_fires_nothing_and_is_buried() -> None:
    before = LOOPS.labels("events")._value.get()
    world = World()
    for offset, hops in enumerate((b"4", b"5", b"6", b"4")):
        await world.intake.take_up(message(offset, headers=[("streamhooks-hops", hops)]), world.calls_of)
    assert world.taken == [0, 3]
    assert [offset for offset, _ in world.buried] == [1, 2]
    assert all("streamhooks-hops" in reason for _, reason in world.buried)
    assert LOOPS.labels("events")._value.get() == before + 2
    assert world.floor == 4


async def test_calls_carry_the_hops_of_their_record_through_retries() -> None:
    world, found = World(), list[Call]()
    hooks = HooksTable("hooks", "states")
    hooks.apply([Record("hooks", 0, 0, 0, HOOK.id.encode(), HOOK.to_json())])
    topics, duplicates = Sources(Topics("")), Duplicates(0, lambda: 0.0)
    calls = Calls(hooks, topics, partition_of=lambda _: 0, partitions=1, duplicates=duplicates, clock=lambda: 0.0)

    def collect(record, origin):
        found.extend(calls.of(SourceKind.EVENTS, record, origin))
        return []

    await world.intake.take_up(message(0, orjson.dumps(EVENT), [("streamhooks-hops", b"2")]), collect)
    (call,) = found
    assert call.hops == 2
    stored = decode(DelayedCall, call.record(attempt=2, due=0, reason="retry"))
    assert stored.hops == Call.from_record(stored, 0).hops == 2
    # What an older worker stored has no hops.
    fields = {name: value for name, value in stored.to_fields().items() if name != "hops"}
    assert DelayedCall.from_fields(fields).hops == 0
