"""Repeated log lines while Kafka is away: one is written now and then, with the number of those left out.

Then aiokafka alone writes hundreds of lines per second, and a log that fills a disk does more harm than good.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable
from typing import Final

from streamhooks.times import steady

#: one line of each kind per interval, in seconds
INTERVAL: Final = 10.0
#: loggers that talk to Kafka and log each try
TALKING: Final = ("aiokafka", "asyncio", "faust", "mode", "streamhooks.faust_patches")
#: our own loggers that do so in warnings
WARNING_OFTEN: Final = (
    "streamhooks.counting.agent",
    "streamhooks.counting.recalls",
    "streamhooks.sources.intake",
    "streamhooks.kafka",
    "streamhooks.worker.knowledge",
)
#: a logger that already logs once per topic
TELLS_ONCE: Final = "streamhooks.kafka.refusals"
#: a logger whose lines are parts of one text: half of it would be worse than all
_IN_PIECES: Final = "mode.redirect"
#: more kinds than exist; messages that are not templates could make any number of them
_KINDS: Final = 1000
_VARYING: Final = re.compile(r"0x[0-9a-f]+|\d+")


class RepeatedLines(logging.Filter):
    """Let one line of each kind through per `INTERVAL` seconds.

    A kind is a logger, a level and a message without its numbers, before its arguments are filled in.
    """

    def __init__(self, clock: Callable[[], float] = steady) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, int, str], _Kind] = {}
        self._changing = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write the record; the first after a pause says how many were left out."""
        if not _may_repeat(record):
            return True
        key = (record.name, record.levelno, _VARYING.sub("#", str(record.msg)))
        with self._changing:
            left_out = self._left_out(key, self._clock())
        if left_out:
            text = f"{record.getMessage()} ({left_out} more of these were left out)"
            record.msg, record.args = text, ()
        return left_out is not None

    def _left_out(self, key: tuple[str, int, str], now: float) -> int | None:
        kind = self._kinds.get(key)
        if kind is not None and now < kind.next:
            kind.left_out += 1
            return None
        if kind is None and len(self._kinds) >= _KINDS:
            self._kinds = {known: one for known, one in self._kinds.items() if now < one.next}
        if kind is not None or len(self._kinds) < _KINDS:
            self._kinds[key] = _Kind(now + INTERVAL)
        return kind.left_out if kind is not None else 0


class _Kind:
    __slots__ = ("left_out", "next")

    def __init__(self, following: float) -> None:
        self.next = following
        self.left_out = 0


def _may_repeat(record: logging.LogRecord) -> bool:
    if record.levelno >= logging.WARNING and _is_of(record.name, WARNING_OFTEN):
        return record.name != TELLS_ONCE
    return _is_of(record.name, TALKING) and record.name != _IN_PIECES


def _is_of(name: str, loggers: Iterable[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in loggers)


def limit_logs(handlers: Iterable[logging.Handler]) -> None:
    """Put the filter on each handler, once and before all other filters, which then see fewer lines."""
    for handler in handlers:
        if not any(isinstance(one, RepeatedLines) for one in handler.filters):
            handler.filters.insert(0, RepeatedLines())
