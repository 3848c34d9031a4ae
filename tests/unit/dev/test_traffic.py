from __future__ import annotations

import re
import threading
from collections import Counter
from itertools import islice

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.dev import traffic
from streamhooks.records.message import Message

AT = 1_700_000_000.0
numbers = st.integers(0, 10_000)


@given(seed=numbers, number=numbers)
def test_a_record_can_be_made_again(seed, number):
    assert traffic.record(seed, number, AT) == traffic.record(seed, number, AT)
    orjson.dumps(traffic.record(seed, number, AT).value)


@given(seed=numbers, number=numbers)
def test_keys_are_as_documented(seed, number):
    record = traffic.record(seed, number, AT)
    value = record.value
    keys = {
        "messages": lambda: value["project_id"],
        "events": lambda: value["project"]["id"],
        "alerts": lambda: value["event"]["project"]["id"],
        "resource-changes": lambda: f"{value['sender']}:{value['instance_id']}",
    }
    assert record.key == keys[record.topic]()


@given(seed=numbers, number=numbers)
def test_records_have_the_documented_fields(seed, number):
    message = Message.from_fields(traffic.message(seed, number, AT))
    assert (message.organization_id, message.timestamp) == (traffic.ORGANIZATION["id"], AT)
    event = traffic.event(seed, number, AT)
    assert re.fullmatch("[0-9a-f]{32}", event["event_id"])
    assert set(event) == {"event_id", "type", "datetime", "organization", "project", "group", "data"}
    alert = traffic.alert(seed, number, AT)
    assert (alert["additional_payload"] is None) == (alert["additional_payload_key"] is None)
    change = traffic.resource_change(seed, number, AT)
    assert change["instance"]["id"] == change["instance_id"]


def test_other_seeds_and_numbers_make_other_records():
    for make, name in ((traffic.event, "event_id"), (traffic.message, "id")):
        ids = {make(seed, number, AT)[name] for seed in range(10) for number in range(100)}
        assert len(ids) == 1000


def test_the_mix_has_all_kinds():
    kinds = Counter(traffic.record(0, number, AT).topic for number in range(1000))
    assert 500 < kinds["messages"] < 700
    assert min(kinds[name] for name in traffic.KINDS) > 50


def test_messages_are_of_every_type_and_some_orders_are_large():
    messages = [traffic.message(0, number, AT) for number in range(1000)]
    types = Counter(one["type"] for one in messages)
    assert types.keys() == traffic._TYPES.keys()
    assert min(types.values()) > 50
    large = [one for one in messages if one["type"] == "order.paid" and one["data"]["total"] > 100]
    assert 0 < len(large) < types["order.paid"]


@pytest.mark.parametrize("make", [traffic.message, traffic.event, traffic.alert, traffic.resource_change])
def test_size_pads(make):
    small, large = (len(orjson.dumps(make(1, 1, AT, size))) for size in (0, 5000))
    assert 5000 <= large - small < 5100


def test_pacing_gives_each_number_once_and_catches_up():
    stop = threading.Event()
    assert list(traffic._paced(1e6, 1000, stop, lambda _: None)) == list(range(1000))
    endless = traffic._paced(1e6, None, stop, lambda _: None)
    assert list(islice(endless, 50)) == list(range(50))
    stop.set()
    assert list(endless) == []
