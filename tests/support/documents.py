"""Generated JSON as users may write it: any number in any form, any text, white space."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

finite = st.floats(allow_nan=False, allow_infinity=False)
number_texts = st.one_of(
    st.integers().map(str),
    finite.map(repr),
    finite.map(lambda number: orjson.dumps(number).decode()),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
)
# Half surrogates too.
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
LEAVES = ["number", "text", "other"]


def rendered(draw: Any, depth: int) -> str:
    kind = draw(st.sampled_from([*LEAVES, "list", "object"] if depth else LEAVES))
    if kind == "number":
        return draw(number_texts)
    if kind == "text":
        return json.dumps(draw(texts))
    if kind == "other":
        return draw(st.sampled_from(["null", "true", "false"]))
    parts = [rendered(draw, depth - 1) for _ in range(draw(st.integers(0, 3)))]
    space = st.sampled_from(["", " ", "\n", "\t\r\n "])
    if kind == "object":
        names = (json.dumps(f"{number}{draw(texts)}") for number in range(len(parts)))
        parts = [f"{name}{draw(space)}:{draw(space)}{part}" for name, part in zip(names, parts, strict=True)]
    inner = ",".join(f"{draw(space)}{part}{draw(space)}" for part in parts)
    return f"{{{inner}}}" if kind == "object" else f"[{inner}]"


@st.composite
def documents(draw: Any) -> str:
    return rendered(draw, 3)


class Written(str):
    """A number as it was written."""


def as_written(text: str | bytes) -> Any:
    """Return the meaning of each text and the writing of each number."""
    return json.loads(text, parse_float=Written, parse_int=Written)


def generated(count: int) -> list[str]:
    """Return this many documents, the same each time."""
    found: list[str] = []

    @settings(max_examples=count, derandomize=True, database=None, deadline=None)
    @given(documents())
    def collect(document: str) -> None:
        found.append(document)

    collect()
    return found
