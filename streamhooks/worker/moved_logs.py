"""What is told when a log is not as it was left: counted, logged as an error, and written to `notices`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from faust.types import TP

from streamhooks.errors import Refusal
from streamhooks.kafka.logs import Log, Reading
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.starts import Start, Wish, Without, where_to_start
from streamhooks.kafka.topics import Topics
from streamhooks.masking import shown
from streamhooks.metrics import MOVED_LOGS, OVERTAKEN, UNREAD
from streamhooks.records.notice import Notice
from streamhooks.records.stretch import Stretch

log = logging.getLogger(__name__)


class Known(Protocol):
    """What was known of the installation before this worker wrote anything."""

    def without_offset(self, tp: tuple[str, int]) -> Without:
        """Why a partition has no committed offset."""


class MovedLogs:
    """Says where to read on, and tells why. One for the worker.

    It learns what was known before the first partition comes.

    `tells_of` gives whether this worker is the one that tells about a partition that several read.
    """

    _known: Known

    def __init__(
        self,
        outbox: Outbox,
        topics: Topics,
        wish: Wish,
        tells_of: Callable[[tuple[str, int]], bool],
        clock: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._topics = topics
        self._wish = wish
        self._tells_of = tells_of
        self._clock = clock

    def learn(self, known: Known) -> None:
        """Take what was known of the installation before anything was written."""
        self._known = known

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Where to start on a source partition; what is not as it was left is told, never silent.

        Raises:
            Refusal: there is no committed offset, and STREAMHOOKS_START says that this ends the start.

        """
        # The topic of notices is ours: nobody else can say where it is to be read.
        is_ours = tp.topic == self._topics.notices
        wish = "earliest" if is_ours and self._wish == "fail" else self._wish
        try:
            start = where_to_start(read, found, kept, wish=wish, without=self._known.without_offset(tp))
        except Refusal as refusal:
            raise Refusal(f"{tp.topic}:{tp.partition} {refusal}") from None
        return self._told(tp, start)

    def start_of_firings(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Where to start counting; the same is told."""
        return self._told(tp, where_to_start(read, found, kept, wish="earliest", without="new"))

    def read_once_more(self, tp: tuple[str, int], why: str) -> None:
        """Tell that what is read whole is read once more: each worker does, and one of them writes the notice."""
        MOVED_LOGS.labels(tp[0], "read once more").inc()
        why = f"{why}: it is read from its start once more"
        log.error("%s:%d: %s", *tp, why)
        if self._tells_of(tp):
            self._write(f"{tp[0]}:{tp[1]}", why)

    def gone(self, stretch: Stretch) -> None:
        """Tell that what a hook has still to get is gone with its log."""
        why = f"what it had still to get of {stretch.topic}:{stretch.partition} is gone: the topic was made anew"
        log.error("hook %s: %s", shown(stretch.hook_id), why)
        self._write(stretch.hook_id, why, stretch.since)

    def _told(self, tp: TP, start: Start) -> int:
        if start.why is not None:
            for counter, count in ((OVERTAKEN, start.lost), (UNREAD, start.skipped)):
                if count:
                    counter.labels(tp.topic).inc(count)
            if start.moved in ("anew", "shorter"):
                MOVED_LOGS.labels(tp.topic, start.moved).inc()
            log.log(start.level, "%s:%d: %s", tp.topic, tp.partition, start.why)
            self._write(f"{tp.topic}:{tp.partition}", start.why)
        return start.offset

    def _write(self, about: str, why: str, since: float | None = None) -> None:
        notice = Notice(about, "retention", why, since, int(self._clock() * 1000))
        self._outbox.publish_soon(self._topics.notices, notice.to_json(), key=about)
