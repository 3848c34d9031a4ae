from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.cel.expression import FUNCTIONS, Expression, compile_expression
from streamhooks.cel.tokens import comprehensions_of, tokens_of
from streamhooks.cel.values import values_of
from streamhooks.errors import BadExpression, EvaluationFailed, MissingKey
from streamhooks.records.exact_json import loads

FEBRUARY = datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)


def compiled(text: str) -> Expression:
    return compile_expression(text, ("message",))


def value_of(text: str, message: Any = None) -> Any:
    return compiled(text).evaluate(values_of({"message": message}))


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("1 +", "position 4: ", "the end"),
        ("", "position 1: ", "the end"),
        ("message.a == 'b' &&\n  (1]", "line 2, position 5: ", "']'"),
        ("'😀' 1", "position 5: ", "'1'"),
        ("'ERROR: <input>:9:9: x' +", "position 26: ", "the end"),
        ("(" * 500, "position 97: ", "nested too deep"),
        ("1 == mesage", "position 6: ", "there is no mesage, only message"),
        ("message.a.startWith('b')", "position 11: ", "there is no function startWith"),
        ("message{a: 1} == 1", "position 1: ", "objects of a type"),
        ("message.a.exists(message, true)", "position 18: ", "can't name its variable message"),
        (".message == 1", "position 2: ", "there is no .message"),
        ("message.a.all(x, x > 1) && x", "position 28: ", "there is no x, only message"),
        ("x.all(x, x > 1)", "position 1: ", "there is no x, only message"),
        ("message.a.all(x, x.b.all(y, y > x)) && y == 1", "position 40: ", "there is no y, only message"),
    ],
)
def test_what_can_not_be_compiled_is_refused_with_its_position(text: str, position: str, why: str) -> None:
    with pytest.raises(BadExpression) as refused:
        compiled(text)
    assert str(refused.value).startswith(position)
    assert why in str(refused.value)
    assert len(str(refused.value)) < 300


def test_each_listed_function_is_known_to_the_library() -> None:
    text = " && ".join(f"{name}(message) == 1" for name in sorted(FUNCTIONS))
    assert set(compiled(text).program.functions()) >= FUNCTIONS
    for call in ("message.a.lowerAscii()", "max(1, 2)", "optional.none()"):
        with pytest.raises(BadExpression):
            compiled(call)


@pytest.mark.parametrize(
    ("text", "message", "value"),
    [
        ("message.total > 100", {"total": 120.5}, True),
        ("message.total > 100", {"total": 99}, False),
        ("message.items.exists(i, i.price > 3)", {"items": [{"price": 1}, {"price": 4}]}, True),
        ("message.at > timestamp('2026-01-01T00:00:00Z')", {"at": FEBRUARY}, True),
        ("has(message.a)", {}, False),
        ("message.name", {"name": "\ud800x"}, "�x"),
    ],
)  # fmt: skip
def test_an_expression_gives_its_value(text: str, message: Any, value: Any) -> None:
    assert value_of(text, message) == value


def test_numbers_that_json_keeps_as_written_are_numbers_here() -> None:
    message = loads('{"price": 1.10, "big": 123456789012345678901234567890, "huge": 1e999, "tiny": -0}')
    assert (
        value_of("message.price == 1.1 && message.big > 5 && message.huge > 1.0 && message.tiny == 0", message) is True
    )


def test_a_missing_key_is_told_from_other_failures() -> None:
    with pytest.raises(MissingKey, match="there is no total"):
        value_of("message.total > 1", {})
    for text, message in [
        ("message.total > 1", {"total": "7"}),
        ("message.items[3]", {"items": []}),
        ("1 / message.zero", {"zero": 0}),
        ("message.n + 1", {"n": 2**63 - 1}),
        ("int(message.x)", {"x": "x" * 100_000}),
    ]:
        with pytest.raises(EvaluationFailed) as failed:
            value_of(text, message)
        assert not isinstance(failed.value, MissingKey)
        assert len(str(failed.value)) <= 200


def test_what_is_nested_200_levels_deep_is_read() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"a": [deep]}
    assert value_of("message.a[0].a[0] != null", deep) is True


def test_an_object_that_is_no_json_fails() -> None:
    with pytest.raises(EvaluationFailed, match="can't be converted"):
        values_of({"message": object()})


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("message.data.total > 3", [("message", "data", "total")]),
        ("message.data.items.exists(i, i.a == message.type)", [("message", "data", "items"), ("message", "type")]),
        ("message['data'] == 1", [("message",)]),
        ("message.data['a'].b == 1", [("message", "data")]),
        ("'message.data' == message.id", [("message", "id")]),
        ("message // .data\n .type.size() > 0", [("message", "type")]),
        ("has(message.data.a) && message.message", [("message", "data", "a"), ("message", "message")]),
        ("{'a': message}.a == 1", [("message",)]),
    ],
)
def test_what_an_expression_reads_is_known(text: str, reads: list[tuple[str, ...]]) -> None:
    assert list(compiled(text).reads) == reads


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("message.a.exists(i, i > 1)", ["exists"]),
        ("message.a . /**/ exists (i, true)".replace("/**/", "// x\n"), ["exists"]),
        ("message.a.map(i, i).filter(j, true)", ["map", "filter"]),
        ("message.a.all(i, i.exists_one(j, j))", ["all", "exists_one"]),
        ("message.a.existsOne(i, true)", ["existsOne"]),
        ("message.all == 1 && message.map.size() > 0", []),
        ("'.exists(' == message.a", []),
        (r"""r'\' == message.a && message.b.all(i, i != '\'')""", ["all"]),
        (r"""'\'.all(' == "\".all(" """, []),
        ("'''it's .all( ''' == message.a", []),
    ],
)
def test_comprehensions_are_found_outside_of_texts(text: str, found: list[str]) -> None:
    assert [one.macro.text for one in compiled(text).comprehensions] == found


_CONTENT = st.text(alphabet="""ab.'"\\(),xu0 \n/all""", max_size=12)


@given(
    st.lists(st.tuples(st.sampled_from(["'", '"', "'''", '"""']), st.sampled_from(["", "r", "b", "R", "bR"]), _CONTENT))
)
def test_no_text_hides_or_shows_a_comprehension(texts: list[tuple[str, str, str]]) -> None:
    """What follows texts of any kind is found, if the library accepts the texts."""
    written = [f"{prefix}{quote}{content}{quote}" for quote, prefix, content in texts]
    # After `""//"` everything is a comment: it hides what follows from the library as well.
    accepted = [text for text in written if _is_one_text(text) and not _is_one_text(f"{text} ?")]
    whole = "".join(f"{text} == {text} || " for text in accepted) + "message.a.all(hidden, hidden)"
    assert [one.variable for one in compiled(whole).comprehensions] == ["hidden"]
    assert [token.text for token in tokens_of(" == ".join(accepted)) if token.kind == "text"] == accepted
    assert not comprehensions_of(tokens_of(" || ".join(accepted)))


def _is_one_text(text: str) -> bool:
    try:
        expression = compiled(text)
    except BadExpression:
        return False
    return not expression.program.functions() and isinstance(expression.evaluate(values_of({})), str | bytes)
