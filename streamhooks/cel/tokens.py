"""The tokens of an expression, by the lexer of CEL's grammar (cel-spec, `CEL.g4` of the library).

The library does not give out its syntax tree. So the few questions that we have about an expression are asked of its
tokens: which parts of its variables it names, and where its comprehensions begin and end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

Kind = Literal["text", "name", "other"]

#: what the library expands to a loop, if it is called on a value; all of them count, with any number of arguments
MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
WORDS: Final = frozenset({"in", "true", "false", "null"})

_QUOTES = ('"""', "'''", '"', "'")
_RAW = "|".join(rf"{one}[\s\S]*?{one}" for one in _QUOTES)
_COOKED = "|".join(rf"{one}(?:\\[\s\S]|(?!{one})[^\\])*{one}" for one in _QUOTES)
_TOKEN = re.compile(
    rf"(?P<text>[bB]?(?:[rR](?:{_RAW})|{_COOKED}))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<space>[ \t\r\n\f]+|//[^\n]*)"
    r"|(?P<other>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?|0x[0-9a-fA-F]+[uU]?|[\s\S])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A part of an expression. `start` is its place in the text, from 0."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Return the place after it."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Comprehension:
    """A macro that runs through a list or the keys of a map: `range.macro(variable, body)`."""

    macro: Token
    variable: str
    """Empty if the first argument is no name."""
    body: tuple[Token, ...]
    """All tokens between its parentheses."""

    def binds(self, token: Token) -> bool:
        """Tell whether a token that names a variable names that of this comprehension."""
        return token.text == self.variable and self.body[0].start <= token.start < self.body[-1].end


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the tokens of an expression that the library accepts, without spaces and comments."""
    return tuple(
        Token(cast(Kind, found.lastgroup), found[0], found.start())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "space"
    )


def comprehensions_of(tokens: Sequence[Token]) -> tuple[Comprehension, ...]:
    """Return the comprehensions, also those within others."""
    found = []
    for place in range(1, len(tokens) - 1):
        before, token, after = tokens[place - 1 : place + 2]
        if token.text in MACROS and token.kind == "name" and before.text == "." and after.text == "(":
            body = tuple(tokens[place + 2 : closing(tokens, place + 1)])
            variable = body[0].text if body and body[0].kind == "name" else ""
            found.append(Comprehension(token, variable, body))
    return tuple(found)


def heads_of(tokens: Sequence[Token]) -> list[int]:
    """Return the places of the tokens that name variables: not members, not functions, not words of the language."""
    return [
        place
        for place, token in enumerate(tokens)
        if token.kind == "name"
        and token.text not in WORDS
        and (not place or tokens[place - 1].text != ".")
        and _text(tokens, place + 1) != "("
    ]


def path_at(tokens: Sequence[Token], place: int) -> tuple[str, ...]:
    """Return the members that follow the variable at a place: `data` and `total` for `message.data.total > 3`."""
    members = []
    while _text(tokens, place + 1) == "." and _text(tokens, place + 3) != "(":
        members.append(_text(tokens, place + 2))
        place += 2
    return tuple(members)


def whole_path(tokens: Sequence[Token]) -> tuple[Token, ...] | None:
    """Return a variable and its members, if the tokens are nothing else: `value.lines[0]["unit-price"]`.

    The members are names, numbers and quoted texts. None for any other expression.
    """
    if not tokens or heads_of(tokens[:2]) != [0]:
        return None
    path, place = [tokens[0]], 1
    while place < len(tokens):
        mark, member, after = (_text(tokens, place + ahead) for ahead in range(3))
        kind = tokens[place + 1].kind if member else "other"
        if mark == "." and kind == "name":
            width = 2
        elif mark == "[" and after == "]" and (member.isdigit() or (kind == "text" and member[0] not in "bB")):
            width = 3
        else:
            return None
        path.append(tokens[place + 1])
        place += width
    return tuple(path)


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Return the place of the bracket that closes the one at a place."""
    depth = 0
    for place in range(opening, len(tokens)):
        text = tokens[place].text
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        if not depth:
            return place
    return len(tokens)


def _text(tokens: Sequence[Token], place: int) -> str:
    return tokens[place].text if place < len(tokens) else ""
