"""The health of a reader: why it failed, until every partition has been read again."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from streamhooks.in_flight.backoff import pause_after
from streamhooks.kafka.reader import TP
from streamhooks.masking import LONGEST_TEXT, shown

log = logging.getLogger(__name__)


class ReaderHealth:
    """Tracks the failures of one reader."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = 0  # in a row
        self._unproven: set[TP] = set()
        #: why it does not read; None if it does
        self.trouble: str | None = None

    def failed(self, error: BaseException, wanted: Iterable[TP]) -> float:
        """Note a failure; return the seconds to wait before the restart."""
        self._failures += 1
        self._unproven = set(wanted)
        reason = shown(f"{type(error).__name__}: {error}", LONGEST_TEXT)
        self.trouble = f"the reader of {self._name} has failed, it will be restarted: {reason}"
        log.error(self.trouble, exc_info=error)
        return pause_after(self._failures)

    def came(self, partitions: set[TP], wanted: Iterable[TP]) -> None:
        """Note that these partitions were read: the reader is healthy once each wanted partition was."""
        if self.trouble is not None:
            self._unproven = (self._unproven - partitions) & set(wanted)
            if not self._unproven:
                self.trouble, self._failures = None, 0
