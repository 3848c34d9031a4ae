"""The account expects of each record of an own topic what the product makes of it."""

from __future__ import annotations

import random
from pathlib import Path

import orjson

from chaos.load import records
from chaos.own import order, write_sources
from chaos.scene import LEFT_OUT, ORDERS, ORGANIZATION, STATUSES, hooks, reached
from streamhooks.kafka.reader import Record
from streamhooks.sources.own_file import own_topics


def test_each_record_becomes_the_message_that_the_account_expects(tmp_path: Path):
    [own] = own_topics(write_sources(tmp_path / "sources.yaml", "chaos."), "chaos.")
    assert own.topic == f"chaos.{ORDERS}"
    seen = set()
    for number in range(200):
        _key, value = order(random.Random(number), number)
        read = own.read(Record(own.topic, 0, number, 0, None, orjson.dumps(value)), None)
        seen.add(value["status"])
        if value["status"] == LEFT_OUT:
            assert read is None
            continue
        assert read is not None
        assert (read.type, read.organization_id) == (f"order.{value['status']}", ORGANIZATION["id"])
        assert (read.project_id, read.data) == (value["project"], value)
    assert seen == {*STATUSES, LEFT_OUT}


def test_who_wants_its_types_is_reached_and_nobody_by_what_is_left_out():
    value = {"project": None, "status": "shipped", "total": 7}
    assert {one.format for one in reached(hooks(), ORDERS, value)} == {"data", "standard"}
    assert list(reached(hooks(), ORDERS, value | {"status": LEFT_OUT})) == []


def test_the_load_writes_to_it():
    assert any(one.topic == ORDERS for number in range(100) for one in records(1, number, 0.0))
