from __future__ import annotations

from typing import Any

import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records.exact_json import ExactNumber
from streamhooks.records.formats import decode, encode_avro
from streamhooks.records.message import Message

PAID: dict[str, Any] = {
    "type": "order.paid",
    "organization_id": "acme",
    "data": {"total": 120},
    "project_id": 7,
    "id": "o-1",
    "timestamp": "2026-01-31T12:00:00Z",
}


def test_a_message_gives_what_was_sent_with_ids_as_texts():
    message = Message.from_fields(PAID)
    assert message == Message("order.paid", "acme", {"total": 120}, "7", "o-1", 1769860800.0)
    assert message.key == "7"
    assert message.to_fields() == {**PAID, "project_id": "7", "timestamp": "2026-01-31T12:00:00.000+00:00"}


def test_only_type_and_organization_are_needed():
    message = Message.from_fields({"type": "ping", "organization_id": 1})
    assert message == Message("ping", "1", None)
    assert (message.key, message.to_fields()) == ("1", {"type": "ping", "organization_id": "1", "data": None})


@pytest.mark.parametrize("data", [None, 0, "text", [1, {"a": None}], {"a": {"b": [True]}}, ExactNumber("1.10")])
def test_data_is_any_json_in_both_encodings(data):
    message = Message("order.paid", "acme", data, None, None, 1.5)
    assert decode(Message, message.to_json()) == message
    assert decode(Message, encode_avro(message)) == message


@pytest.mark.parametrize("name", ["a", "A.b-c.d_e", "1.2.3", "x" * 200, ".".join("x" * 100)])
def test_types(name):
    assert Message.from_fields({**PAID, "type": name}).type == name


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-01-31T12:00:00z", "2026-01-31T12:00:00.000+00:00"),
        ("2026-01-31t12:00:00.25+01:00", "2026-01-31T11:00:00.250+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000+00:00"),
        ("2016-12-31T18:59:60.5-05:00", "2017-01-01T00:00:00.500+00:00"),
        ("2026-01-31T24:00:00Z", "2026-02-01T00:00:00.000+00:00"),
        ("9999-12-31T24:00:00Z", "9999-12-31T23:59:59.000+00:00"),
        ("1769860800.25", "2026-01-31T12:00:00.250+00:00"),
        (ExactNumber("1769860800.250"), "2026-01-31T12:00:00.250+00:00"),
    ],
)
def test_timestamps_are_read_as_rfc_3339_has_them(written, shown):
    assert Message.from_fields({**PAID, "timestamp": written}).to_fields()["timestamp"] == shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("type", value) for value in ("", ".", "a.", ".a", "a..b", "a b", "order.*", "*", "é", "x" * 201, 7, None)),
        *(("organization_id", value) for value in ("", None, True, [], 1.5)),
        *(("project_id", value) for value in ("", True, {})),
        *(("id", value) for value in ("", 7, "x" * 257, "a\nb", "\ud800")),
        *(
            ("timestamp", value)
            for value in (
                "yesterday",
                "2026-01-31T24:00:01Z",
                "2026-01-31T12:00:61Z",
                True,
                -1,
                1e300,
                [],
                ExactNumber("1e400"),
            )
        ),
    ],
)
def test_what_is_no_message_names_its_field(field, value):
    with pytest.raises(BrokenRecord, match=f"^{field}: "):
        Message.from_fields({**PAID, field: value})
