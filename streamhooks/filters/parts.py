"""The parts of variables that expressions name: only they are converted, each once for all expressions that name it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from streamhooks.cel.expression import Expression
from streamhooks.cel.values import Values, values_of
from streamhooks.errors import EvaluationFailed
from streamhooks.filters.bounds import LARGEST_READ
from streamhooks.records.exact_json import dumps

Path = tuple[str, ...]
"""A variable and members below it: `("message", "data", "total")`."""


class Parts:
    """Variables, for expressions that are evaluated with them.

    `ready` gets each part before it is converted, and returns what is converted.
    """

    def __init__(self, variables: Mapping[str, Any], ready: Callable[[Any], Any] | None = None) -> None:
        self._variables = variables
        self._ready = ready
        self._converted: dict[tuple[Path, ...], tuple[Values, int]] = {}

    def evaluate(self, expression: Expression, paths: tuple[Path, ...]) -> Any:
        """Return the value of an expression; `paths` are `paths_of` it.

        Raises:
            MissingKey: it needs a key that a map does not have.
            EvaluationFailed: it can't be evaluated with these variables, or names too much of them.

        """
        if paths not in self._converted:
            part = part_of(self._variables, paths)
            size = size_of(part)
            if size > LARGEST_READ:  # never converted
                part = {}
            self._converted[paths] = (values_of(part if self._ready is None else self._ready(part)), size)
        values, size = self._converted[paths]
        if size * len(expression.reads) > LARGEST_READ:
            raise EvaluationFailed(
                f"it names {size} bytes {len(expression.reads)} times, more than {LARGEST_READ} in all"
            )
        return expression.evaluate(values)


def paths_of(expression: Expression) -> tuple[Path, ...]:
    """Return what an expression names, each once."""
    return tuple(sorted(set(expression.reads)))


def part_of(value: Any, paths: Collection[Path]) -> Any:
    """Return the value with only these parts; what is not there is left out, and what is no object stays whole."""
    if () in paths or not isinstance(value, Mapping):
        return value
    below: dict[str, list[Path]] = {}
    for first, *further in paths:
        below.setdefault(first, []).append(tuple(further))
    return {name: part_of(value[name], further) for name, further in below.items() if name in value}


def size_of(value: Any) -> int:
    """Return the bytes of a value's JSON; raise EvaluationFailed if JSON does not have it."""
    try:
        return len(dumps(value))
    except orjson.JSONEncodeError as error:  # as of a value of Avro that JSON does not have
        raise EvaluationFailed(f"it names what is no JSON: {error}") from None
