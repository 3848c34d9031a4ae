"""A record of a topic of one's own that is read again is the same message."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.sources.own import OwnTopic, Rule
from streamhooks.sources.own_values import formula_of

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=6),
    max_leaves=20,
)
_EXPRESSIONS = st.sampled_from(
    ["value", "value.a", "[value, key]", "{'z': value, 'a': topic, 'k': headers}", "{'y': value.b, 'x': value.a}"]
)


@given(_VALUES, _EXPRESSIONS, st.none() | st.binary(max_size=9), st.lists(st.tuples(st.text(), st.binary())))
def test_a_record_read_twice_is_the_same_message(
    value: Any, expression: str, key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    texts = {"type": "'order.paid'", "organization_id": "'1'", "data": expression}
    topic = OwnTopic("orders", tuple(Rule(name, formula_of(text)) for name, text in texts.items()), None, None)
    given_record = Record("orders", 3, 5, 1500, key, json.dumps(value).encode(), tuple(headers))
    # The bytes decide, since a webhook that is sent again must have the same body.
    assert len({_outcome(topic, given_record) for _ in range(5)}) == 1


def _outcome(topic: OwnTopic, given_record: Record) -> bytes | str:
    try:
        message = topic.read(given_record, None)
    except BrokenRecord as broken:
        return str(broken)
    assert message is not None
    return message.to_json()
