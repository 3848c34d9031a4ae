"""The parts of variables that expressions name: only they are converted, each once for all expressions that name it.

What an expression may name of them is bounded by its size (`filters/bounds.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from streamhooks.cel.expression import Expression, compile_expression
from streamhooks.cel.values import Values, values_of
from streamhooks.errors import EvaluationFailed
from streamhooks.filters.bounds import LARGEST_KEPT, LARGEST_READ, LARGEST_SEARCH, check_bounds
from streamhooks.records.exact_json import dumps

#: the cost of a byte that is copied, and of each token that is evaluated for it
_COPIED, _PER_TOKEN = 10, 2

Path = tuple[str, ...]
"""A variable and members below it: `("message", "data", "total")`."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A compiled expression whose cost is bounded."""

    expression: Expression
    paths: tuple[Path, ...]
    """The parts of its variables that it names, each once: only they are converted."""
    weight: int
    """Of its patterns."""

    def cost(self, read: int) -> int:
        """Return about what it costs to evaluate it on so many bytes; 100,000 take some 1 ms at most, as measured."""
        loops = sum(len(loop.body) for loop in self.expression.comprehensions)
        return read * (_COPIED + self.weight + _PER_TOKEN * loops)


def bounded(text: str, variables: Collection[str]) -> Bounded:
    """Return the expression; raise BadExpression, which says where and why, if it is none or may cost too much."""
    expression = compile_expression(text, variables)
    weight = check_bounds(expression, variables)
    return Bounded(expression, tuple(sorted(set(expression.reads))), weight)


class Parts:
    """Variables, for expressions that are evaluated with them.

    `ready` gets each part before it is converted, and returns what is converted.
    """

    def __init__(self, variables: Mapping[str, Any], ready: Callable[[Any], Any] | None = None) -> None:
        self._variables = variables
        self._ready = ready
        self._converted: dict[tuple[Path, ...], tuple[Values, int]] = {}
        self._kept = 0
        #: what all that was evaluated has cost, as `Bounded.cost` says
        self.cost = 0

    def evaluate(self, asked: Bounded) -> Any:
        """Return the value of an expression.

        Raises:
            MissingKey: it needs a key that a map does not have.
            EvaluationFailed: it can't be evaluated with these variables, or names too much of them.

        """
        expression = asked.expression
        values, size = self._converted.get(asked.paths) or self._convert(asked.paths)
        read = size * len(expression.reads)
        if read > LARGEST_READ:
            raise EvaluationFailed(
                f"it names {size} bytes {len(expression.reads)} times, more than {LARGEST_READ} in all"
            )
        if read * asked.weight > LARGEST_SEARCH:
            raise EvaluationFailed(
                f"it names {read} bytes in all, more than {LARGEST_SEARCH // asked.weight}, the most for its patterns"
                f" of {asked.weight} characters"
            )
        self.cost += asked.cost(read)
        return expression.evaluate(values)

    def _convert(self, paths: tuple[Path, ...]) -> tuple[Values, int]:
        """Return the part at these paths, converted, and the bytes of its JSON."""
        part = part_of(self._variables, paths)
        size = size_of(part)
        if size > LARGEST_READ:  # never converted
            part = {}
        if self._kept + size > LARGEST_KEPT:
            self._converted.clear()
            self._kept = 0
        self._kept += size
        found = self._converted[paths] = values_of(part if self._ready is None else self._ready(part)), size
        return found


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
