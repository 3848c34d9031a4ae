"""What must not be read in a log or an error text: secrets, the query strings of URLs, and texts without end."""

from __future__ import annotations

import html
import json
import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

MASK: Final = "********"

#: characters of a logged value, of the text of an error in it, of a line of the log, of a traceback
LONGEST_VALUE = 100
LONGEST_TEXT = 300
LONGEST_LINE = 8_000
LONGEST_TRACE = 32_000

#: a shorter text is no secret, and masking it would make a text unreadable
_SHORTEST = 4
_URL = re.compile(r"(https?://[^\s?'\"<>]*)(\?[^\s'\"<>]*)?", re.IGNORECASE)
_FORMATTER = logging.Formatter()
_ESCAPED_BY_GO = str.maketrans({character: f"\\u{ord(character):04x}" for character in "&<>"})


def without_queries(text: str) -> str:
    """Return the text with the query string of each URL in it masked: a query may hold a token."""
    # A URL is a match with or without a query: what was looked at once is not looked at again.
    return _URL.sub(_without_query, text) if "?" in text else text


def _without_query(url: re.Match[str]) -> str:
    return url[0] if url[2] is None else f"{url[1]}?{MASK}"


def forms_of(secret: str) -> Iterator[str]:
    """Give the forms in which who got a secret in a header or a URL may write it back."""
    bare = secret.strip(" \t")  # what stands around the value of a field is no part of it (RFC 9110, 5.5)
    in_json = json.dumps(bare)[1:-1]
    yield bare
    yield in_json
    yield in_json.replace("/", "\\/")  # of PHP
    yield in_json.translate(_ESCAPED_BY_GO)
    yield html.escape(bare)
    yield quote(bare, safe="")


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of the secrets masked, also one that is cut off at its end."""
    # The longest first: one may hold another.
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, MASK)
        if length := _cut_off(secret, text):
            text = text[:-length] + MASK
    return text


def _cut_off(secret: str, text: str) -> int:
    """Return how long the longest beginning of the secret is that the text ends with; 0 if it is too short."""
    longest = min(len(secret) - 1, len(text))
    if text[-_SHORTEST:] not in secret or secret[:_SHORTEST] not in text:
        return 0  # as nearly always
    size = _SHORTEST
    while 2 * size <= longest:
        size *= 2
    while size >= _SHORTEST:
        if length := _overlap(secret, text, size, min(2 * size - 1, longest)):
            return length
        size //= 2
    return 0


def _overlap(secret: str, text: str, size: int, longest: int) -> int:
    """Return the same, of the lengths from `size` to `longest`, which is less than twice as much."""
    # The first `size` characters and the last ones overlap, and so say all: as few steps as these have common places.
    # Each is looked for from its side's far end, forwards, since only that is linear in Python.
    beginning, end = secret[:size], text[-size:][::-1]
    text, secret = text[-longest:], secret[:longest][::-1]
    length = longest
    while True:
        place = secret.find(end, longest - length)
        length = longest - place
        if place < 0 or (place := text.find(beginning, longest - length)) < 0:
            return 0
        if place == longest - length:
            return length
        length = longest - place


def shown(value: object, longest: int = LONGEST_VALUE) -> str:
    """Return a value that somebody else wrote as it may stand in a log: cut, and on one line."""
    text = value if isinstance(value, str) else str(value)
    beginning = text[:longest]
    if not beginning.isprintable():
        beginning = repr(beginning)[1:-1]
    return beginning if len(text) <= longest else f"{beginning}…"


def cut(text: str, longest: int) -> str:
    """Return the text without its middle if it has more than `longest` characters."""
    if len(text) <= longest:
        return text
    half = (longest - 40) // 2
    return f"{text[:half]} [… {len(text) - 2 * half} characters …] {text[-half:]}"


def where(error: BaseException) -> str:
    """Return the kind of an error and the lines of code that it came through, without its text."""
    return "".join([type(error).__name__, "\n", *traceback.format_tb(error.__traceback__)]).rstrip()


class MaskingFilter(logging.Filter):
    """Masks and cuts what a handler is about to write, whoever logs it: Faust, aiohttp, tasks of users."""

    def __init__(self) -> None:
        # The command line, which cuts texts, is quicker without aiohttp.
        from aiohttp.http_exceptions import HttpProcessingError

        super().__init__()
        self._quoting = HttpProcessingError

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; always True."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, self._quoting):
            # aiohttp's parser quotes what it stumbled over, such as a header with a token.
            record.msg, record.args = f"{record.getMessage()}: {type(error).__name__}", ()
            record.exc_info = record.exc_text = None
        message = record.getMessage()
        masked = cut(without_queries(message), LONGEST_LINE)
        if masked != message:
            record.msg, record.args = masked, ()
        if record.exc_info:
            trace = record.exc_text or _FORMATTER.formatException(record.exc_info)
            record.exc_text = cut(without_queries(trace), LONGEST_TRACE)
        return True


def mask_logs() -> None:
    """Put the filter on every handler of the root logger, once."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, MaskingFilter) for one in handler.filters):
            handler.addFilter(MaskingFilter())
