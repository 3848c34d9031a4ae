"""Reports a log that was recreated or truncated: counts it, logs an error, and writes to `notices`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Protocol

from faust.types import TP

from streamhooks.errors import Refusal
from streamhooks.kafka.logs import RECREATED, Log, Reading
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.starts import Start, Wish, Without, where_to_start
from streamhooks.kafka.topics import Topics
from streamhooks.masking import shown
from streamhooks.metrics import MOVED_LOGS, OVERTAKEN, UNREAD
from streamhooks.records.notice import Notice
from streamhooks.records.stretch import Stretch

log = logging.getLogger(__name__)


class Known(Protocol):
    """The state of the installation before this worker wrote anything; see `kafka.starts.Known`."""

    def without_offset(self, tp: tuple[str, int]) -> Without:
        """Return why a partition has no committed offset."""


class MovedLogs:
    """Decides where reading starts, and reports why. One per worker.

    `learn` must be called before the first partition is assigned.

    `tells_of` tells whether this worker writes the notice about a partition that several workers read.
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
        self._unwritten: dict[tuple[str, int], list[Future[Published]]] = {}

    def learn(self, known: Known) -> None:
        """Set the state of the installation before anything was written."""
        self._known = known

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return the offset at which to start on a source partition; report a changed log and skipped offsets.

        Raises:
            Refusal: there is no committed offset, and STREAMHOOKS_START is `fail`.

        """
        # Only workers write notices, so users need not decide where reading starts.
        is_ours = tp.topic == self._topics.notices
        wish = "earliest" if is_ours and self._wish == "fail" else self._wish
        try:
            start = where_to_start(read, found, kept, wish=wish, without=self._known.without_offset(tp))
        except Refusal as refusal:
            raise Refusal(f"{tp.topic}:{tp.partition} {refusal}") from None
        return self._report(tp, start)

    def start_of_firings(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return the offset at which to start counting; report as `start_of` does."""
        return self._report(tp, where_to_start(read, found, kept, wish="earliest", without="new"))

    def read_once_more(self, tp: tuple[str, int], why: str) -> None:
        """Report that a topic is read again from its start: each worker logs it, one writes the notice."""
        MOVED_LOGS.labels(tp[0], "read once more").inc()
        why = f"{why}: it is read again from its start"
        log.error("%s:%d: %s", *tp, why)
        if self._tells_of(tp):
            self._write(f"{tp[0]}:{tp[1]}", why)

    def is_reported(self, tp: tuple[str, int]) -> bool:
        """Tell whether all notices about a source partition are confirmed.

        Until then nothing of it must be committed: should this worker be killed, the next owner reports it again.
        """
        waiting = [one for one in self._unwritten.pop(tp, ()) if not _is_written(one)]
        if waiting:
            self._unwritten[tp] = waiting
        return not waiting

    async def gone(self, stretch: Stretch, removed: range | None) -> None:
        """Report that records that a hook has yet to get are gone: these offsets, or with None all with their log.

        Return when the notice is confirmed. Raises PublishError.
        """
        which, cause = "", RECREATED
        if removed is not None:
            which, cause = f" {removed.start} to {removed.stop - 1}", "retention removed them"
        place = f"{stretch.topic}:{stretch.partition}"
        why = f"the records{which} of {place} that it had yet to get are gone: {cause}"
        log.error("hook %s: %s", shown(stretch.hook_id), why)
        await asyncio.wrap_future(self._write(stretch.hook_id, why, stretch.since))

    def _report(self, tp: TP, start: Start) -> int:
        if start.why is not None:
            log.log(start.level, "%s:%d: %s", tp.topic, tp.partition, start.why)
            written = self._write(f"{tp.topic}:{tp.partition}", start.why)
            self._unwritten.setdefault(tp, []).append(written)
            written.add_done_callback(partial(_count, tp.topic, start))
        return start.offset

    def _write(self, about: str, why: str, since: float | None = None) -> Future[Published]:
        notice = Notice(about, "retention", why, since, int(self._clock() * 1000))
        return self._outbox.publish_soon(self._topics.notices, notice.to_json(), key=about)


def _is_written(notice: Future[Published]) -> bool:
    return notice.done() and not notice.cancelled() and notice.exception() is None


def _count(topic: str, start: Start, notice: Future[Published]) -> None:
    """Count what was reported: what is reported again, since its notice was not written, is counted once."""
    if not _is_written(notice):
        return
    for counter, count in ((OVERTAKEN, start.lost), (UNREAD, start.skipped)):
        if count:
            counter.labels(topic).inc(count)
    if start.moved in ("anew", "shorter"):
        MOVED_LOGS.labels(topic, start.moved).inc()
