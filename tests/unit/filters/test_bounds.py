from __future__ import annotations

import pytest

from streamhooks.errors import BadExpression
from streamhooks.filters.bounds import LONGEST
from streamhooks.filters.judging import compiled_filter


@pytest.mark.parametrize(
    "text",
    [
        "message.data.total > 100",
        "message.type == 'order.paid' && message.data.customer.country in ['DE', 'AT']",
        "message.data.items.exists(i, i.sku.startsWith('A') && i.price > 3)",
        "message.data.items.all(i, i.n > 0)",
        r"message.data.a.matches(r'^\(?x\)?$') && message.data.b.matches(r'(?i-x:a)(?P<x>b)')",
        "message.data.items.all(i, i.i > 0 && {'i': i}.i != 3)",
        "false",
        "message.data.a in {'x': 1}",
        "message.data.email.matches('^[^@]+@example[.]com$')",
        r"message.data.code.matches(r'^[A-Z]{2}-[0-9]{1,16}$')",
        "has(message.data.coupon) && size(message.data.coupon) > 3",
        "message.timestamp > timestamp('2026-01-01T00:00:00Z')",
        "message.data.map == 'x' && '.map(' == message.data.filter",
        "message.data.a == 'x'" + " || message.data.a == 'x'" * 39,
    ],
)
def test_what_is_usual_is_accepted(text: str) -> None:
    assert compiled_filter(text).expression.text == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("true" + " " * LONGEST, "it has 1004 characters, and a filter can have 1000"),
        ("message.data.total >", "position 21: "),
        ("message.data.a.exists(i, i.b.exists(j, j == 1))", "position 30: an expression can have one comprehension"),
        ("message.data.a.all(i, i > 1) && message.data.b.all(i, i > 1)", "position 48: an expression can have one"),
        ("message.data.a.filter(i, i > 1).size() > 1", "position 16: .filter() copies its list"),
        ("message.data.a.map(i, i.b) == []", "position 16: .map() copies its list"),
        ("message.data.a.all(i, i < message.data.b)", "position 27: .all() can't name message"),
        ("message.data.a.all(i, i.matches('a'))", "position 25: .all() can't use matches"),
        ("message.data.a.all(i, i == '" + "x" * 200 + "')", "position 16: .all() can have 200 characters"),
        ("message.data.a.all(i, [i,i,i,i,i,i,i,i,i,i,i] == [])", "position 44: .all() can name i 10 times"),
        ("message.data.a" + " + message.data.a" * 11 + " == 3", "position 186: an expression can have 10 +"),
        ("message.data.a.matches(message.data.b)", "position 16: the pattern of matches must be a text in quotes"),
        ("matches(message.data.a, 'a' + message.data.b)", "position 1: the pattern of matches must be a text"),
        (r"message.data.a.matches(r'\w+')", r"position 24: \w takes long to compile"),
        (r"message.data.a.matches('\\pL')", r"position 24: \p takes long to compile"),
        ("message.data.a.matches('(a{100}){100}')", "position 24: the characters of all patterns"),
        (f"message.a.matches('{'.' * 600}') || message.b.matches('{'.' * 101}{{4}}')", "of all patterns"),
        ("message.data.a.matches('(?x)a{#}\\n900}')", "position 24: (?x) hides how often a part is repeated"),
        (r"message.data.a.matches(r'[\\](?x)a{#}900}')", "position 24: (?x) hides how often a part is repeated"),
        ("message.data.a.matches('(?ix:a{#}\\n900})')", "position 24: (?x) hides how often a part is repeated"),
        ("'order.paid'", "position 1: its value is of type string, not bool"),
        ("1 / 0 == 1", "position 1: division by zero"),
        ("message.data.a.matches('[')", "position 24: not a pattern: unclosed character class"),
        ("message.data.a.matches('a{1000000000000}')", "position 24: the characters of all patterns"),
    ],
)  # fmt: skip
def test_what_costs_too_much_is_refused_with_its_position(text: str, why: str) -> None:
    with pytest.raises(BadExpression) as refused:
        compiled_filter(text)
    assert why in str(refused.value)


def test_an_escaped_backslash_is_no_class() -> None:
    assert compiled_filter(r"message.data.a.matches(r'\\w')").expression.evaluate is not None
