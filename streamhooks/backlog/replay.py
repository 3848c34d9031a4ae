"""Makes the stretches of a replay, and counts the records that would fire the hook."""

from __future__ import annotations

from collections.abc import Mapping

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.between import Ranges
from streamhooks.kafka.child_process import STOP
from streamhooks.kafka.reader import scan
from streamhooks.records.hook import Hook
from streamhooks.records.registry import registry_of
from streamhooks.records.stretch import Stretch
from streamhooks.settings import Settings
from streamhooks.sources.filtering import would_send
from streamhooks.sources.rules import read_source
from streamhooks.sources.topics import Sources
from streamhooks.times import Between

#: timeout of counting, in seconds
TIMEOUT = 300.0


def stretches_of(
    hook: Hook, replay_id: str, ranges: Ranges, between: Between, now: float, ids: Mapping[str, str]
) -> list[Stretch]:
    """Return the stretches of a replay; `ids` has the known ids of the topics by name."""
    return [
        Stretch(
            hook.id,
            f"{replay_id}:{topic}:{number}",
            "replay",
            topic,
            number,
            start,
            end,
            now,
            resume="all",
            not_before=between.since,
            before=between.until,
            log=ids.get(topic) or None,
        )
        for (topic, number), (start, end) in ranges.items()
        if start < end
    ]


def count_matches(settings: Settings, sources: Sources, hook: Hook, ranges: Ranges, between: Between) -> int:
    """Count the records in these ranges and this period that fire the hook; blocks, so run it in a child process.

    Raises:
        TimeoutError: Kafka does not answer, or the caller was cancelled.
        RegistryAway: the schema registry does not answer.

    """
    registry, count = registry_of(settings), 0
    for record in scan(settings, ranges, timeout=TIMEOUT, stop=STOP):
        if record.value is None or not between.holds(record.timestamp):
            continue
        try:
            source = read_source(sources.of(record.topic), record, registry)
        except BrokenRecord:
            continue
        count += source is not None and would_send(hook, source, record)
    return count
