"""What a call can't have as an argument is refused where the call is made, and the cure is named."""

from __future__ import annotations

import asyncio
import functools
import math
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from support.examples import EVENT

from streamhooks import instrumented_task
from streamhooks.records.event import Event
from streamhooks.records.exact_json import ExactNumber
from streamhooks.tasks.arguments import check_signature, check_values, signature_of
from streamhooks.testing import LocalWorker


class Color(Enum):
    RED = 1


class Word(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


@dataclass
class Point:
    x: int = 0


class Model(BaseModel):
    x: int = 0


Pair = namedtuple("Pair", "x")  # noqa: PYI024 - of users


class Text(str):
    __slots__ = ()


async def waits() -> None: ...


REFUSED = [
    (math.nan, "nan is not JSON"),
    (-math.inf, "-inf is not JSON"),
    (datetime.now(UTC), r"datetime is not JSON: pass its `\.isoformat\(\)`"),
    (date.today(), r"date is not JSON: pass its `\.isoformat\(\)`"),
    (timedelta(1), r"`\.total_seconds\(\)`"),
    (uuid4(), r"UUID is not JSON: pass it as `str\(…\)`"),
    (Decimal(1), "Decimal"),
    (Path("x"), "PosixPath"),
    (Color.RED, r"Color is not JSON: pass its `\.value`"),
    (Word.RED, r"Word is not JSON: pass its `\.value`"),
    (Number.ONE, r"Number is not JSON: pass its `\.value`"),
    (Point(), r"Point is not JSON: pass it as `dataclasses\.asdict"),
    (Model(), "model_dump"),
    (Pair(1), r"`list\(…\)`"),
    ({1}, r"set is not JSON: pass it as `list\(…\)`"),
    (b"x", "base64"),
    (ValueError(), "repr"),
    (object(), "object is not JSON: pass its id, or its fields as a dict"),
    (Point, "type is not JSON"),
    (2**64, "more than 64 bits"),
    ({1: 2}, "the key 1 is not a text"),
    ({Word.RED: 2}, "the key"),
]


@pytest.mark.parametrize(("value", "why"), REFUSED, ids=lambda one: type(one).__name__)
def test_refused(value: Any, why: str) -> None:
    for args, kwargs, path in (
        ([value], {}, "argument 0"),
        ([], {"a": value}, "argument 'a'"),
        ([1, {"b": [value]}], {}, r"argument 1\['b'\]\[0\]"),
    ):
        with pytest.raises(TypeError, match=f"^shop.t: {path}.*{why}"):
            check_values("shop.t", args, kwargs)


async def test_a_coroutine_is_to_be_awaited() -> None:
    for value in (coroutine := waits(), asyncio.get_running_loop().create_future()):
        with pytest.raises(TypeError, match="await it before"):
            check_values("shop.t", [value], {})
    coroutine.close()


def test_what_contains_itself() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="more than 200 levels"):
        check_values("shop.t", [endless], {})


def test_what_came_in_a_record_may_go_on() -> None:
    passed_on = [Event.from_fields(EVENT), ExactNumber("1.10"), orjson.Fragment(b"1"), Text("x"), OrderedDict(a=[1])]
    check_values("shop.t", passed_on, {})


FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FINITE | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(st.lists(JSON), st.dictionaries(st.text(), JSON))
def test_what_is_json_arrives_as_it_was(args: list[Any], kwargs: dict[str, Any]) -> None:
    check_values("shop.t", args, kwargs)
    assert orjson.loads(orjson.dumps([args, kwargs])) == [args, kwargs]


# --- signatures


def greet(name: str, *, loud: bool = False) -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing a required argument: 'name'"),
        (("a", "b"), {}, "too many positional arguments"),
        (("a",), {"lout": True}, "unexpected keyword argument 'lout'"),
        (("a",), {"name": "b"}, "multiple values for argument 'name'"),
        ("a", {}, "args must be a list or a tuple, not str"),
        ({"a": 1}, {}, "args must be a list or a tuple, not dict"),
        ((), ["a"], "kwargs must be a dict, not list"),
    ],
)
def test_arguments_that_the_function_does_not_take(args: Any, kwargs: Any, why: str) -> None:
    with pytest.raises(TypeError, match=f"^shop.greet: .*{why}"):
        check_signature("shop.greet", signature_of(greet), args, kwargs)


def test_a_wrapper_is_called_as_it_can_be_called() -> None:
    @functools.wraps(greet)
    def with_name(*args: Any, **kwargs: Any) -> None:
        return greet("name", *args, **kwargs)

    check_signature("shop.greet", signature_of(with_name), (), {"loud": True})
    check_signature("shop.any", None, (1, 2), {})
    assert signature_of(None) is None  # type: ignore[arg-type]


def test_a_call_is_refused_where_it_is_made() -> None:
    task = instrumented_task(name="tests.greet")(greet)
    with LocalWorker() as worker:
        for call in (
            lambda: task.delay(),  # type: ignore[call-arg]
            lambda: task.delay("a", loud=math.nan),  # type: ignore[arg-type]
            lambda: task.apply_async(["a", "b"]),
        ):
            with pytest.raises(TypeError, match=r"^tests\.greet: "):
                call()
        task.delay("a", loud=True)
        assert [call.args for call in worker.calls] == [["a"]]
