"""What a filter may cost: its bounds when it is written, and those of the messages that it sees.

The library evaluates an expression in the event loop and has no budget. Each of these bounds closes what was measured
to take long. None of them is a time, so that a replay decides as the live run did.

Why: docs/decisions/0020-filters.md; before: docs/decisions/0011-no-content-filters-yet.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

import cel

from streamhooks.cel.expression import Expression, at
from streamhooks.cel.tokens import Comprehension, Token, closing, heads_of
from streamhooks.errors import BadExpression
from streamhooks.records.hook_values import MAX_FILTER

MESSAGE: Final = "message"
"""The only variable of a filter."""
LONGEST: Final = MAX_FILTER
"""Characters of a filter."""
LONGEST_BODY: Final = 200
"""Characters between the parentheses of a comprehension, which are evaluated for each element."""
MOST_USES: Final = 10
"""How often a comprehension may name its variable, and how many `+` a filter may have: each copies a value."""
HEAVIEST_PATTERNS: Final = 1000
"""The characters of all patterns, each times its counted repetitions: they are compiled for each message."""
LARGEST_LOOPED: Final = 64 * 1024
"""Bytes of the JSON of a message's `data`, for a filter with a comprehension."""
LARGEST_READ: Final = 256 * 1024
"""Bytes of the JSON that a filter names, times how often it names something: each time, all of it is copied."""
LARGEST_KEPT: Final = 8 * LARGEST_READ
"""Bytes of the JSON of what is kept converted for the next filters of a message: it takes about 25 times as much."""
LARGEST_JUDGED: Final = 32 * 1024 * 1024
"""What the filters of a message may cost together in one turn of the loop, as `Bounded.cost` of each says."""
LARGEST_SEARCH: Final = 16 * 1024 * 1024
"""Those bytes, times the weight of the filter's patterns: at worst, each byte is compared with each of their states."""

_RUNS_TO_AN_END: Final = ("all", "exists", "exists_one", "existsOne")
_ESCAPED = re.compile(r"\\(.)")
_OF_UNICODE: Final = {"w": "[A-Za-z0-9_]", "W": "[^A-Za-z0-9_]", "d": "[0-9]", "D": "[^0-9]", "s": "[ \\t\\n]",
                      "S": "[^ \\t\\n]", "p": "a range such as [à-ö]", "P": "a range such as [^à-ö]"}  # fmt: skip
_VERBOSE = re.compile(r"\(\?[A-Za-wyz]*x")
_REPEATED = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"[0-9]+")


def check_bounds(expression: Expression, variables: Collection[str]) -> int:
    """Return the weight of the patterns; raise BadExpression if an expression over these variables may cost too much.

    The weight is the characters of all patterns, each times its counted repetitions.
    """
    loops = expression.comprehensions
    if len(loops) > 1:
        raise BadExpression(
            f"{at(expression.text, loops[1].macro.start)}: an expression can have one comprehension, and"
            f" .{loops[1].macro.text}() is another one"
        )
    for loop in loops:
        _check_loop(expression.text, loop, variables)
    added = [token for token in expression.tokens if token.text == "+"]
    if len(added) > MOST_USES:
        raise BadExpression(f"{at(expression.text, added[MOST_USES].start)}: an expression can have {MOST_USES} +")
    return _weight_of_patterns(expression)


def _check_loop(text: str, loop: Comprehension, variables: Collection[str]) -> None:
    name, where = loop.macro.text, at(text, loop.macro.start)
    if name not in _RUNS_TO_AN_END:
        raise BadExpression(f"{where}: .{name}() copies its list for each element: use .exists() or .all()")
    if loop.body and loop.body[-1].end - loop.body[0].start > LONGEST_BODY:
        raise BadExpression(f"{where}: .{name}() can have {LONGEST_BODY} characters, since each element costs them")
    names = [loop.body[head] for head in heads_of(loop.body)]
    for token in names:
        if token.text in variables:
            raise BadExpression(
                f"{at(text, token.start)}: .{name}() can't name {token.text}, which is copied for each element"
            )
    if len(names) > MOST_USES + 1:
        raise BadExpression(
            f"{at(text, names[MOST_USES + 1].start)}: .{name}() can name {loop.variable} {MOST_USES} times"
        )
    for token in loop.body:
        if token.text == "matches":
            raise BadExpression(
                f"{at(text, token.start)}: .{name}() can't use matches, which compiles its pattern for each element:"
                " use startsWith, endsWith or contains"
            )


def _weight_of_patterns(expression: Expression) -> int:
    weight = 0
    for token in _patterns(expression):
        pattern, where = _text_of(token), at(expression.text, token.start)
        for kind in _ESCAPED.findall(pattern):
            if kind in _OF_UNICODE:
                raise BadExpression(
                    f"{where}: \\{kind} takes long to compile for all of Unicode: use {_OF_UNICODE[kind]}"
                )
        if _VERBOSE.search(_ESCAPED.sub("", pattern)):  # a comment may be within the braces, and have braces itself
            raise BadExpression(f"{where}: (?x) hides how often a part is repeated: write the pattern without it")
        weight += len(pattern) * _repetitions(pattern)
        if weight > HEAVIEST_PATTERNS:
            raise BadExpression(
                f"{where}: the characters of all patterns, times their counted repetitions, are more than"
                f" {HEAVIEST_PATTERNS}"
            )
        try:
            cel.compile(f"''.matches({token.text})").execute()
        except RuntimeError as error:
            raise BadExpression(f"{where}: not a pattern: {_last_line(str(error))}") from None
    return weight


def _patterns(expression: Expression) -> Iterator[Token]:
    """Yield the text of each pattern; raise BadExpression for one that only a message has."""
    tokens = expression.tokens
    for place, token in enumerate(tokens[:-1]):
        if token.text != "matches" or tokens[place + 1].text != "(":
            continue
        before, last = tokens[closing(tokens, place + 1) - 2 :][:2]
        if last.kind != "text" or before.text not in ("(", ","):
            raise BadExpression(f"{at(expression.text, token.start)}: the pattern of matches must be a text in quotes")
        yield last


def _text_of(token: Token) -> str:
    value = cel.compile(token.text).execute()
    return value if isinstance(value, str) else value.decode(errors="replace")


def _repetitions(pattern: str) -> int:
    product = 1
    for between in _REPEATED.findall(pattern):
        product *= max(1, *(int(number[:9]) for number in _NUMBER.findall(between)), 1)
    return product


def _last_line(message: str) -> str:
    """Return the reason in a message of the library, which draws the pattern above it."""
    return message.partition(". Check function")[0].rpartition("\n")[2].removeprefix("error: ")
