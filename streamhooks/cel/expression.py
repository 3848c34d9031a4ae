"""An expression: compiled once with the names of its variables, evaluated many times.

Its cost is bounded by who accepts it (`streamhooks/filters` for hooks): the library has no budget of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import cel

from streamhooks.cel.tokens import WORDS, Comprehension, Token, comprehensions_of, heads_of, path_at, tokens_of
from streamhooks.cel.values import Values
from streamhooks.errors import BadExpression, EvaluationFailed, MissingKey

#: the functions that the library has, without those of optional values
FUNCTIONS: Final = frozenset({
    "size", "contains", "startsWith", "endsWith", "matches", "string", "bytes", "int", "uint", "double", "type", "dyn",
    "timestamp", "duration", "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek",
    "getHours", "getMinutes", "getSeconds", "getMilliseconds",
})  # fmt: skip

_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 200
"""Characters of a reason; the library quotes values."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    text: str
    program: cel.Program
    tokens: tuple[Token, ...]
    comprehensions: tuple[Comprehension, ...]
    reads: tuple[tuple[str, ...], ...]
    """What it names of its variables, in order: `("message", "data", "total")`, once for each time."""

    def evaluate(self, values: Values) -> Any:
        """Return the value, of Python's types.

        Raises:
            MissingKey: it needs a key that a map does not have.
            EvaluationFailed: it can't be evaluated with these values.

        """
        try:
            return self.program.execute(values)
        except KeyError as error:
            raise MissingKey(f"there is no {shortened(str(error.args[0]))}") from None
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise EvaluationFailed(shortened(_without_advice(str(error)))) from None


def compile_expression(text: str, variables: Collection[str]) -> Expression:
    """Return the expression; raise BadExpression if it is none, or names anything but `variables` and `FUNCTIONS`."""
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise BadExpression(_what_is_wrong(str(error).removeprefix(f"Failed to parse expression '{text}': "))) from None
    tokens = tokens_of(text)
    loops = comprehensions_of(tokens)
    _check_names(program, text, tokens, variables, loops)
    reads = tuple(
        (tokens[head].text, *path_at(tokens, head)) for head in heads_of(tokens) if tokens[head].text in variables
    )
    return Expression(text, program, tokens, loops, reads)


def at(text: str, place: int) -> str:
    """Return the words for a place in an expression, from 0."""
    line = text.count("\n", 0, place) + 1
    return _at(line, place - text.rfind("\n", 0, place))


def shortened(text: str) -> str:
    """Return a reason in one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _check_names(
    program: cel.Program,
    text: str,
    tokens: tuple[Token, ...],
    variables: Collection[str],
    loops: tuple[Comprehension, ...],
) -> None:
    for place, token in enumerate(tokens[:-1]):
        if token.kind == "name" and token.text not in WORDS and tokens[place + 1].text == "{":
            raise BadExpression(f"{at(text, token.start)}: objects of a type can't be made")
    # The library says which names there are; the tokens say where.
    for name in program.functions():
        if _NAME.fullmatch(name) and name not in FUNCTIONS:
            raise BadExpression(f"{_place(text, tokens, name)}: there is no function {shortened(name)}")
    known, of_loops = ", ".join(sorted(variables)), {loop.variable for loop in loops}
    for name in program.variables():
        if name not in variables and name not in of_loops:
            raise BadExpression(f"{_place(text, tokens, name)}: there is no {shortened(name)}, only {known}")
    for token in (tokens[head] for head in heads_of(tokens)):
        if token.text not in variables and not any(loop.binds(token) for loop in loops):
            raise BadExpression(f"{at(text, token.start)}: there is no {shortened(token.text)}, only {known}")
    for loop in loops:
        if loop.variable in variables:
            raise BadExpression(
                f"{at(text, loop.body[0].start)}: .{loop.macro.text}() can't name its variable {loop.variable}"
            )


def _place(text: str, tokens: tuple[Token, ...], name: str) -> str:
    return at(text, next((one.start for one in tokens if one.text == name.lstrip(".")), 0))


def _what_is_wrong(message: str) -> str:
    found = _ERROR.search(message)
    if found is None:
        return f"{_at(1, 1)}: {shortened(message)}"
    said = found[3].removeprefix("Syntax error: ").partition(" expecting ")[0]
    if "Recursion limit" in said:
        said = "nested too deep"
    return f"{_at(int(found[1]), int(found[2]))}: {shortened(said.replace(chr(39) + '<EOF>' + chr(39), 'the end'))}"


def _at(line: int, column: int) -> str:
    return f"position {column}" if line == 1 else f"line {line}, position {column}"


def _without_advice(message: str) -> str:
    """Return the library's message without its advice for programmers, which ours do not need."""
    return message.partition(". ")[0].removesuffix(".")
