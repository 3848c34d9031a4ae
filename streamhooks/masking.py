"""What must not be read in a log or an error text: secrets, and the query strings of URLs."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

MASK: Final = "********"

#: a shorter text is no secret, and masking it would make a text unreadable
_SHORTEST = 4
_QUERY = re.compile(r"(https?://[^\s?'\"<>]*)\?[^\s'\"<>]*", re.IGNORECASE)
_FORMATTER = logging.Formatter()


def without_queries(text: str) -> str:
    """Return the text with the query string of each URL in it masked: a query may hold a token."""
    return _QUERY.sub(rf"\1?{MASK}", text) if "?" in text else text


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of the secrets masked, also one that is cut off at its end."""
    # The longest first: one may hold another.
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, MASK)
        for length in range(min(len(secret), len(text)) - 1, _SHORTEST - 1, -1):
            if text.endswith(secret[:length]):
                text = text[:-length] + MASK
                break
    return text


def where(error: BaseException) -> str:
    """Return the kind of an error and the lines of code that it came through, without its text."""
    return "".join([type(error).__name__, "\n", *traceback.format_tb(error.__traceback__)]).rstrip()


class MaskingFilter(logging.Filter):
    """Masks what a handler is about to write, whoever logs it: Faust, aiohttp, tasks of users."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; always True."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            # aiohttp's parser quotes what it stumbled over, such as a header with a token.
            record.msg, record.args = f"{record.getMessage()}: {type(error).__name__}", ()
            record.exc_info = record.exc_text = None
        message = record.getMessage()
        masked = without_queries(message)
        if masked != message:
            record.msg, record.args = masked, ()
        if record.exc_info:
            record.exc_text = without_queries(record.exc_text or _FORMATTER.formatException(record.exc_info))
        return True


def mask_logs() -> None:
    """Put the filter on every handler of the root logger, once."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, MaskingFilter) for one in handler.filters):
            handler.addFilter(MaskingFilter())
