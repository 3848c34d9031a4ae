"""Keep secrets, query strings of URLs and endless texts out of logs and error messages."""

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

#: maximum characters of a logged value, of an error's text in a line, of a line, of a traceback
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
    # The pattern matches a URL with or without a query, so no text is scanned twice.
    return _URL.sub(_without_query, text) if "?" in text else text


def _without_query(url: re.Match[str]) -> str:
    return url[0] if url[2] is None else f"{url[1]}?{MASK}"


def forms_of(secret: str) -> Iterator[str]:
    """Give the encodings in which an endpoint may echo a secret that it got in a header or a URL."""
    bare = secret.strip(" \t")  # whitespace around a field's value is not part of it (RFC 9110, 5.5)
    in_json = json.dumps(bare)[1:-1]
    yield bare
    yield in_json
    yield in_json.replace("/", "\\/")  # as PHP does
    yield in_json.translate(_ESCAPED_BY_GO)
    yield html.escape(bare)
    yield quote(bare, safe="")


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of the secrets masked, even one that the text's end cuts off."""
    # The longest first: a secret may contain another one.
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, MASK)
        if length := _cut_off(secret, text):
            text = text[:-length] + MASK
    return text


def _cut_off(secret: str, text: str) -> int:
    """Return the length of the longest prefix of the secret that the text ends with; 0 if it is too short."""
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
    """Return the same among the lengths from `size` to `longest`, which is less than twice `size`."""
    # The first `size` characters and the last ones overlap, so both together determine a match: only places where both
    # occur cost a step. Each search runs forwards from the far end, since only that is linear in Python.
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
    """Return a foreign value in a form that is safe to log: shortened, and on one line."""
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
    """Return the type of an error and its traceback, without its text."""
    return "".join([type(error).__name__, "\n", *traceback.format_tb(error.__traceback__)]).rstrip()


class MaskingFilter(logging.Filter):
    """Mask and shorten every record of a handler, whoever logs it: Faust, aiohttp, users' tasks."""

    def __init__(self) -> None:
        # Imported here, since the command line uses this module and starts faster without aiohttp.
        from aiohttp.http_exceptions import HttpProcessingError

        super().__init__()
        self._quoting = HttpProcessingError

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; always True."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, self._quoting):
            # aiohttp's parser quotes the input it rejects, such as a header with a token.
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
