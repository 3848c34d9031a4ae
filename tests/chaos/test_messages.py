"""The account expects of each message of the load what the product makes of it."""

from __future__ import annotations

import random

import orjson

from chaos.load import records
from chaos.messages import message
from chaos.scene import ORGANIZATION, hooks, message_data, reached
from streamhooks.kafka.reader import Record
from streamhooks.sources.messages import read_message


def test_each_form_is_read_as_the_message_that_the_account_expects():
    forms = set()
    for number in range(200):
        _key, value, headers = message(random.Random(number), number)
        made = tuple((name, text.encode()) for name, text in headers)
        read = read_message(Record("messages", 0, number, 0, None, orjson.dumps(value), made), None)
        data = message_data(value)
        assert (read.type, read.organization_id, read.project_id) == (data["type"], ORGANIZATION["id"], data["project"])
        assert read.data == data
        forms.add((len(headers) > 1, bool(headers), read.id is None))
    assert len(forms) == 4


def test_a_filter_and_a_pattern_choose_who_is_reached():
    data = {"type": "order.paid", "project": None, "total": 101}
    formats = [(one.format, one.filter is not None) for one in reached(hooks(), "messages", {"data": data})]
    assert formats == [("standard", False), ("cloudevents", False), ("cloudevents", True)]
    fewer = list(reached(hooks(), "messages", data | {"total": 100}))
    assert [one.filter for one in fewer] == [None, None]


def test_the_load_writes_messages():
    assert any(one.topic == "messages" and one.headers for number in range(100) for one in records(1, number, 0.0))
