"""The commands in the `sh` blocks of the documentation, parsed as far as a check needs it."""

from __future__ import annotations

import re
import shlex

_COMMENT = re.compile(r"(?m)(^|\s)#[^\n'\"]*$")
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
_QUOTED = r"""'[^']*'|"(?:\\.|[^"\\])*["]"""
_REDIRECTION = re.compile(rf"({_QUOTED})|(?<!\S)\d?(?:>>?|<)&?[ \t]*[^\s;|)]+", re.DOTALL)
_SEPARATORS = set(";&|()\n")


def commands(text: str) -> list[list[str]]:
    """Give the words of each command, without redirections and leading assignments; raise ValueError for an open quote.

    Of what stands in `$(…)` within double quotes nothing is seen: write it without them, as an assignment.
    """
    text = _REDIRECTION.sub(lambda found: found[1] or "", _COMMENT.sub("", text.replace("\\\n", " ")))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= _SEPARATORS:
            found.append([])
        elif found[-1] or not _ASSIGNMENT.fullmatch(word):
            found[-1].append(word)
    return [command for command in found if command]
