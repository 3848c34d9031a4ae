"""Why a source record fired a hook or not, and its attempts."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streamhooks.errors import BrokenRecord
from streamhooks.filters.judging import Verdict
from streamhooks.hooks.matching import kind_of, reasons_against
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.between import Ranges, ranges_between
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.partitions import partition_of
from streamhooks.kafka.reader import Record, Stop, scan
from streamhooks.kafka.topics import Topics
from streamhooks.records.event import Alert, Event
from streamhooks.records.firing import Firing
from streamhooks.records.formats import Registry, decode
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id
from streamhooks.settings import Settings
from streamhooks.sources.filtering import verdict_of
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.rules import UserRecord, asks, read_source
from streamhooks.sources.topics import SourceTopic
from streamhooks.times import Between

TIMEOUT = 60.0
#: records of `firings` that are searched for attempts per partition
LOOKED_THROUGH = 50_000
#: attempts shown per delivery
ATTEMPTS = 100
#: a record of `firings` has the start time of the first attempt in its bucket
BUCKET_MS = 10_000
#: how far a timestamp may be ahead of the broker's clock: Kafka's default of `message.timestamp.after.max.ms`
AHEAD_MS = 3_600_000 + BUCKET_MS


@dataclass(frozen=True, slots=True)
class Explained:
    """Why one record fired one hook, or did not."""

    hook: Hook
    matched: bool
    why: str
    webhook_id: str
    """The `webhook-id` that the delivery has or would have."""
    is_late: bool = False
    """Whether it did not match only since the hook was created later: a replay can send the record."""


def find_event(
    settings: Settings, event_id: str, between: Between, registry: Registry | None, *, stop: Stop
) -> Record | None:
    """Return the first record of `events`, else of `alerts`, with this event id in this period; blocks.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.
        RegistryAway: the schema registry does not answer.

    """
    wanted = (event_id.lower().encode(), event_id.upper().encode())
    for kind in (SourceKind.EVENTS, SourceKind.ALERTS):
        ranges = ranges_between(settings, [kind.topic(Topics(settings.topic_prefix))], between, stop=stop)
        first: Record | None = None  # only the first is kept, because there may be many
        for record in scan(settings, ranges, timeout=TIMEOUT, stop=stop):
            if not between.holds(record.timestamp) or not any(text in (record.value or b"") for text in wanted):
                continue
            if first is not None and record.timestamp >= first.timestamp:
                continue
            if _event_id(kind, record, registry) == event_id.lower():
                first = record
        if first is not None:
            return first
    return None


def _event_id(kind: SourceKind, record: Record, registry: Registry | None) -> str | None:
    try:
        source = read_source(kind, record, registry)
    except BrokenRecord:
        return None
    event = source.event if isinstance(source, Alert) else source
    return event.event_id if isinstance(event, Event) else None


def explain(
    record: Record, topic: SourceTopic | None, hooks: HooksTable, registry: Registry | None = None
) -> tuple[UserRecord | None, list[Explained]]:
    """Return a source record and each hook of its organization, with the hooks that it fires first.

    It is None, and has no hooks, if its topic's `when` is false.

    Raises:
        BrokenRecord: the record can't be read.

    """
    source = read_source(topic, record, registry)
    if source is None:
        return None, []
    explained = [
        _explained(hook, source, record, hooks) for hook in hooks if hook.organization_id == source.organization_id
    ]
    return source, sorted(explained, key=lambda one: (not one.matched, one.hook.id))


def _explained(hook: Hook, source: UserRecord, record: Record, hooks: HooksTable) -> Explained:
    delivery = webhook_id(record.topic, record.partition, record.offset, record.timestamp, hook.id)
    all_asks = asks(source)
    if not all_asks:
        return Explained(hook, False, "an Error without its instance fires nothing", delivery)
    # An alert can match two kinds of hook: report the reason for this hook's kind.
    of_its_kind = [ask for ask in all_asks if ask.hook_kind == kind_of(hook)] or all_asks
    against, ask = min(((list(reasons_against(hook, ask)), ask) for ask in of_its_kind), key=lambda one: len(one[0]))
    verdict = None if against else verdict_of(hook, source, ask, record)
    if verdict is not None and verdict.kind == "no_match":
        against.append(f"it subscribed to {ask.event}, but its filter keeps it back: {verdict.why}")
    if (created := _created(hook)) is not None and created > record.timestamp / 1000:
        later = f"it was created later: {hook.date_created}"
        if not against:
            return Explained(hook, False, f"{later}; only a replay can send this record", delivery, is_late=True)
        against.append(later)
    if against:
        return Explained(hook, False, "; ".join(against), delivery)
    why = f"it subscribed to {ask.event}{_of_filter(hook, verdict)}"
    status = hooks.status(hook.id)
    if status.status != "active":
        why += f", but is disabled now: {status.reason}"
    return Explained(hook, True, why, delivery)


def _of_filter(hook: Hook, verdict: Verdict | None) -> str:
    if hook.filter is None:
        return ""
    if verdict is None:
        return ", and its filter is asked when the resource is known"
    if verdict.kind == "failed":
        return f", but its filter can't be evaluated, so it is a dead letter: {verdict.why}"
    return ", and its filter lets it pass"


def _created(hook: Hook) -> float | None:
    """Return when a hook was created, in epoch seconds; None if its writer did not say."""
    try:
        return datetime.fromisoformat(hook.date_created).timestamp()
    except ValueError:
        return None


def attempts_of(
    settings: Settings, offsets: Offsets, partitions: int, record: Record, explained: Iterable[Explained], *, stop: Stop
) -> dict[str, list[dict[str, Any]]]:
    """Return the attempts of deliveries per `webhook-id`, oldest first, read from `firings`; blocks.

    Each delivery has at most its latest `ATTEMPTS`.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """
    topic = Topics(settings.topic_prefix).firings
    wanted = {one.webhook_id: one for one in explained}
    tps = sorted({(topic, partition_of(one.hook.id, partitions)) for one in wanted.values()})
    if not tps:
        return {}
    starts, ends = offsets.at(tps, record.timestamp - BUCKET_MS), offsets.ends(tps)
    ranges = {tp: (starts[tp], min(ends[tp][1], starts[tp] + LOOKED_THROUGH)) for tp in tps}
    texts = {name.encode() for name in wanted}
    found = _look_through(settings, ranges, texts, stop)
    if len(found) < len(wanted):
        # The producer's clock may have been ahead: then the attempts have earlier times than the record.
        earlier = offsets.at(tps, record.timestamp - AHEAD_MS)
        ranges = {tp: (max(earlier[tp], starts[tp] - LOOKED_THROUGH), starts[tp]) for tp in tps}
        for name, attempts in _look_through(settings, ranges, texts, stop).items():
            found[name] = attempts + found.get(name, [])
    return {name: sorted(attempts, key=lambda one: int(one["at"])) for name, attempts in found.items()}


def _look_through(
    settings: Settings, ranges: Ranges, wanted: Collection[bytes], stop: Stop
) -> dict[str, list[dict[str, Any]]]:
    """Return the latest attempts of these deliveries in ranges of `firings`, per `webhook-id`."""
    found: dict[str, deque[dict[str, Any]]] = {}
    for firing in scan(settings, ranges, timeout=TIMEOUT, stop=stop):
        if firing.value is None or not any(text in firing.value for text in wanted):
            continue
        try:
            attempts = decode(Firing, firing.value).attempts
        except BrokenRecord:
            continue
        for attempt in attempts:
            if attempt.id.encode() in wanted:
                found.setdefault(attempt.id, deque(maxlen=ATTEMPTS)).append(attempt.to_fields())
    return {name: list(attempts) for name, attempts in found.items()}
