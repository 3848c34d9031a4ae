"""Replays: which offsets lie between two moments, and how much of them a hook would get."""

from __future__ import annotations

from streamhooks.errors import BrokenRecord
from streamhooks.history.apart import STOP
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import TP, Stop, scan
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.settings import Settings
from streamhooks.tasks.matching import asked_by, read_source, why_not

#: how long counting may take, in seconds
TIMEOUT = 300.0

Ranges = dict[TP, tuple[int, int]]


def sources_of(hook: Hook) -> tuple[str, ...]:
    """The source topics, without the prefix, whose records can fire a hook."""
    if hook.app_id is None:
        topics = {"event.created": "events", "event.alert": "alerts"}
        return tuple(topics[event] for event in sorted(hook.events, reverse=True))
    alerts = ("alerts",) if "event_alert.triggered" in hook.events else ()
    others = ("resource-changes",) if set(hook.events) - {"event_alert.triggered"} else ()
    return alerts + others


def ranges_between(offsets: Offsets, topics: list[str], since: float, until: float, *, stop: Stop) -> Ranges:
    """The offsets of the records from `since` to before `until`, both epoch seconds; blocks.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """
    tps = [(topic, number) for topic in topics for number in offsets.partitions(topic) if not stop.is_set()]
    starts, ends = offsets.at(tps, since), offsets.at(tps, until)
    return {tp: (starts[tp], ends[tp]) for tp in tps if starts[tp] < ends[tp]}


def stretches_of(hook: Hook, replay_id: str, ranges: Ranges, now: float) -> list[Stretch]:
    """A replay as stretches that the hook gets."""
    return [
        Stretch(hook.id, f"{replay_id}:{topic}:{number}", "replay", topic, number, start, end, now, resume="all")
        for (topic, number), (start, end) in ranges.items()
    ]


def count_matches(settings: Settings, hook: Hook, ranges: Ranges) -> int:
    """How many of these records fire the hook; blocks, and is better run in a process of its own.

    Raises:
        TimeoutError: Kafka does not answer, or nobody waits for it any more.

    """
    prefix, matches = settings.topic_prefix, 0
    for record in scan(settings, ranges, timeout=TIMEOUT, stop=STOP):
        if record.value is None:
            continue
        try:
            source = read_source(record.topic.removeprefix(prefix), record.value)
        except BrokenRecord:
            continue
        matches += any(why_not(hook, asked) is None for asked in asked_by(source))
    return matches
