"""Searching the attempts that `firings` still holds, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamhooks.counting.firings import BUCKET_MS
from streamhooks.errors import BrokenRecord
from streamhooks.kafka.backwards import Page, Place, page
from streamhooks.kafka.between import certain_ranges
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.partitions import partition_of
from streamhooks.kafka.reader import Record, Stop, scanning
from streamhooks.kafka.topics import Topics
from streamhooks.records.exact_json import dumps
from streamhooks.records.firing import Attempt, Firing, Outcome
from streamhooks.records.formats import decode
from streamhooks.settings import Settings
from streamhooks.times import ALWAYS, Between

TIMEOUT = 30.0
#: records that a page reads at most
LOOKED_THROUGH = 50_000
#: how long after its start an attempt may be written, in milliseconds: it must end first, and Kafka may be away
TOLD_WITHIN_MS = 300_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a search; None matches all."""

    hook_id: str | None = None
    webhook_id: str | None = None
    outcome: Outcome | None = None
    status: int | None = None
    event: str | None = None
    between: Between = ALWAYS
    """When the attempt started."""

    def fits(self, attempt: Attempt) -> bool:
        """Tell whether an attempt matches. Its hook is checked elsewhere."""
        return (
            self.webhook_id in (None, attempt.id)
            and self.outcome in (None, attempt.outcome)
            and self.status in (None, attempt.status)
            and self.event in (None, attempt.event)
            and self.between.holds(attempt.at)
        )

    def texts(self) -> list[bytes]:
        """Return texts that the JSON of a record with such an attempt contains; most records don't, and are skipped."""
        texts = (self.hook_id, self.webhook_id, self.outcome, self.event)
        found = [dumps(text) for text in texts if text is not None]
        return found if self.status is None else [*found, b'"status":%d' % self.status]


def search(
    settings: Settings,
    offsets: Offsets,
    partitions: int,
    wanted: Wanted,
    before: Mapping[int, Place],
    limit: int,
    *,
    stop: Stop,
) -> Page[dict[str, Any]]:
    """Return a page of matching attempts, each with its hook; blocks.

    `before` is `reached` of the previous page; `partitions` is the partition count of `firings`.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """
    topic = Topics(settings.topic_prefix).firings
    hook_id = wanted.hook_id
    numbers = range(partitions) if hook_id is None else [partition_of(hook_id, partitions)]
    ranges, _ = certain_ranges(offsets, [(topic, number) for number in numbers], _written(wanted.between))
    texts = wanted.texts()

    def look(record: Record) -> list[dict[str, Any]]:
        if stop.is_set():
            raise TimeoutError("the caller has gone")
        value = record.value or b""
        if value.startswith(b"{") and not all(text in value for text in texts):
            return []
        try:
            firing = decode(Firing, value)
        except BrokenRecord:
            return []  # it is reported as a dead letter
        if hook_id not in (None, firing.hook_id):
            return []
        found = [attempt for attempt in firing.attempts if wanted.fits(attempt)]
        found.sort(key=lambda one: -one.at)
        return [{"hook_id": firing.hook_id, **attempt.to_fields()} for attempt in found]

    bounds = {number: found for (_, number), found in ranges.items()}
    with scanning(settings, timeout=TIMEOUT, stop=stop) as read:
        found = page(read, look, topic, bounds, before, limit=limit, most=LOOKED_THROUGH)
    return found._replace(found=sorted(found.found, key=lambda one: -int(one["at"])))


def _written(between: Between) -> Between:
    """Return the timestamps of records with attempts of this time: a record has that of its bucket's first attempt."""
    since, until = between.since, between.until
    return Between(
        None if since is None else since - BUCKET_MS, None if until is None else until + BUCKET_MS + TOLD_WITHIN_MS
    )
