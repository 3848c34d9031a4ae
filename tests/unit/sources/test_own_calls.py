"""What follows from a record of a topic of one's own: the same as from any other, wherever it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streamhooks.delayed.kept import KeptArguments
from streamhooks.history.explain import explain
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.origin import Origins, origin_of
from streamhooks.sources.own_file import own_topics
from streamhooks.sources.read_again import ReadAgain
from streamhooks.sources.topics import Sources

FILE = """
- topic: orders
  type: '"order." + value.status'
  organization_id: value.customer
  id: value.number
  when: value.status != "draft"
"""
HOOK = Hook.from_fields({
    "id": "a" * 32, "organization_id": "42", "url": "http://a/", "events": ["order.*"], "secret": "x" * 16,
    "format": "standard",
})  # fmt: skip
OTHER = replace(HOOK, id="b" * 32, organization_id="43")


def record(offset: int = 5, **changes: Any) -> Record:
    value = {"customer": 42, "status": "paid", "number": "o-1", "total": 12.5} | changes
    return Record("orders", 3, offset, 1500, b"k", json.dumps(value).encode())


@pytest.fixture
def world(tmp_path: Path) -> SimpleNamespace:
    path = tmp_path / "sources.yaml"
    path.write_text(FILE)
    hooks = HooksTable("p.hooks", "p.hook-states")
    for hook in (HOOK, OTHER):
        assert not hooks.apply([Record("p.hooks", 0, 0, 0, hook.id.encode(), hook.to_json())])
    sources = Sources(Topics("p."), own_topics(path, "p."))
    calls = Calls(
        hooks,
        sources,
        partition_of=lambda _: 2,
        partitions=8,
        duplicates=Duplicates(60, lambda: 0.0),
        clock=lambda: 2.0,
    )
    return SimpleNamespace(hooks=hooks, sources=sources, calls=calls, topic=sources.own[0])


def made(world: SimpleNamespace, one: Record) -> list[Any]:
    return world.calls.of(world.topic, one, origin_of(one, 2000))


def test_its_calls_have_ids_of_its_coordinates_and_are_the_same_again(world: SimpleNamespace) -> None:
    (call,) = made(world, record())
    (_, message) = call.args
    assert call.webhook_id == webhook_id("orders", 3, 5, 1500, HOOK.id)
    assert (call.hook_id, call.source, call.event) == (HOOK.id, "orders:3:5", "order.paid")
    assert (message.id, message.timestamp, message.data["total"]) == ("o-1", 1.5, 12.5)
    again = world.calls.again(HOOK, record(), "replay", "x")
    assert (again.webhook_id, again.args) == (call.webhook_id, call.args)
    assert world.calls.again(OTHER, record(), "replay", "x") is None


def test_what_when_leaves_out_causes_nothing(world: SimpleNamespace) -> None:
    draft = record(status="draft")
    assert made(world, draft) == []
    assert world.calls.again(HOOK, draft, "replay", "x") is None
    assert explain(draft, world.topic, world.hooks) == (None, [])


def test_the_same_id_at_other_coordinates_is_a_duplicate(world: SimpleNamespace) -> None:
    first, second, other = record(), record(6), record(7, number="o-2")
    assert [len(made(world, one)) for one in (first, second, first, other)] == [1, 0, 1, 1]


def test_a_record_is_explained_by_what_it_becomes(world: SimpleNamespace) -> None:
    source, (one,) = explain(record(), world.topic, world.hooks)
    assert source.summary() == {"type": "order.paid", "organization_id": "42", "project_id": None, "id": "o-1"}
    assert (one.hook, one.matched, one.why) == (HOOK, True, "it subscribed to order.paid")


async def test_arguments_that_are_gone_are_made_of_its_record_again(world: SimpleNamespace) -> None:
    (call,) = made(world, record())

    async def read_one(topic: str, _partition: int, _offset: int) -> Record | None:
        return record() if topic == "orders" else None

    kept, call.args, call.kept_at = call.args, [], 9
    assert await KeptArguments(read_one, world.sources).read(call)
    assert call.args == kept


@pytest.mark.parametrize(("status", "count"), [("paid", 1), ("draft", 0)])
async def test_one_that_was_a_dead_letter_is_read_again(world: SimpleNamespace, status: str, count: int) -> None:
    async def read_one(*_: Any) -> Record:
        return record(status=status)

    read_again = ReadAgain(world.hooks, read_one, sources=world.sources, origins=Origins(lambda: 2.0, 5), registry=None)
    assert [one.hook_id for one in await read_again.deliveries_of("orders:3:5")] == [HOOK.id] * count


def test_a_topic_of_no_entry_is_not_known(world: SimpleNamespace) -> None:
    assert world.calls.knows("orders")
    assert world.calls.knows("p.events")
    assert not world.calls.knows("refunds")
