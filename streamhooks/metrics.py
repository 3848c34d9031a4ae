"""Every metric, in one place. Labels are bounded: never a hook, a URL or an id."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class Durations(Collector):
    """A histogram by task. Used in the event loop only, so it needs no locks; each value updates one bucket."""

    _labelnames = ("task",)

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        REGISTRY.register(self)

    def observe(self, task: str, seconds: float) -> None:
        """Add a duration in seconds."""
        counts = self._counts.get(task)
        if counts is None:
            counts = self._counts[task] = [0] * (len(_SECONDS) + 1)
            self._sums[task] = 0.0
        counts[bisect_left(_SECONDS, seconds)] += 1
        self._sums[task] += seconds

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Yield the histogram for Prometheus."""
        family = HistogramMetricFamily(self._name, self._text, labels=["task"])
        bounds = [*(str(float(bound)) for bound in _SECONDS), "+Inf"]
        for task, counts in list(self._counts.items()):
            family.add_metric([task], list(zip(bounds, accumulate(counts), strict=True)), self._sums[task])
        yield family


class Count:
    """How often something happened that has these labels."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0

    def inc(self, times: int = 1) -> None:
        """Count it so many more times."""
        self.number += times


class Counts(Collector):
    """A counter with labels. Used in the event loop only, so it needs no locks: each delivery counts in two of them."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._labelnames = tuple(labels)
        self._name = name
        self._text = text
        self._counts: dict[tuple[str, ...], Count] = {}
        REGISTRY.register(self)

    def labels(self, *values: str) -> Count:
        """Return the count with these values of the labels; a new one is at 0."""
        count = self._counts.get(values)
        if count is None:
            count = self._counts[values] = Count()
        return count

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Yield the counter for Prometheus."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labelnames)
        for values, count in list(self._counts.items()):
            family.add_metric(values, count.number)
        yield family


RECORDS = Counts("streamhooks_records_total", "Source records taken up", ["topic"])
BROKEN = Counter("streamhooks_broken_records_total", "Records that could not be read", ["topic"])
TOMBSTONES = Counter("streamhooks_tombstones_total", "Tombstones on the users' topics, skipped", ["topic"])
LEFT_OUT = Counter(
    "streamhooks_left_out_records_total", "Records of a topic of one's own whose `when` is false", ["topic"]
)
DUPLICATES = Counter("streamhooks_double_records_total", "Duplicates: records whose event came before", ["topic"])
HOLES = Counter("streamhooks_skipped_records_total", "Records that Faust skipped, read again", ["topic"])
LOOPS = Counter("streamhooks_stopped_loops_total", "Records at the end of too long a chain of deliveries", ["topic"])
OVERTAKEN = Counter(
    "streamhooks_retention_jumps_total", "Records that retention removed before they were read", ["topic"]
)
MOVED_LOGS = Counter(
    "streamhooks_moved_logs_total",
    "Partitions whose log was recreated, or lost records already read",
    ["topic", "what"],
)
UNREAD = Counter(
    "streamhooks_expired_offset_skips_total", "Records skipped because the committed offset had expired", ["topic"]
)

TASKS = Counts("streamhooks_tasks_total", "Runs of tasks, by outcome", ["task", "outcome"])
TASK_SECONDS = Durations("streamhooks_task_seconds", "Duration of a run")
QUEUE_SECONDS = Durations("streamhooks_task_queue_seconds", "Time from when a run was due to when it started")
RETRIES = Counter("streamhooks_task_retries_total", "Runs that will be retried", ["task"])
EXHAUSTED = Counter("streamhooks_task_exhausted_total", "Calls whose retries are used up", ["task"])
MOVED_CALLS = Counter("streamhooks_moved_calls_total", "Calls moved to a worker that knows their task")
LONG_RUNS = Counter("streamhooks_task_long_runs_total", "Runs without a time limit that took over 10 minutes", ["task"])
OVER_TIME_LIMIT = Counter("streamhooks_task_over_time_limit_total", "Runs over their time limit", ["task"])
RUNNING = Gauge("streamhooks_task_places_taken", "Pending calls of a task that run now, each in a place", ["task"])
FREE_PLACES = Gauge("streamhooks_task_places_free", "Free places for pending calls of tasks", ["of"])
UNCLEAN_TAKEOVERS = Counter(
    "streamhooks_unclean_takeovers_total", "Partitions of pending calls whose former owner did not leave them"
)
HELD_BACK = Counter("streamhooks_held_back_calls_total", "Calls deferred to the hook's owner, by reason", ["why"])
FILTERED = Counter(
    "streamhooks_filtered_total", "Deliveries that were not made because of their hook's filter, by reason", ["why"]
)
CAUGHT_UP = Counter("streamhooks_caught_up_calls_total", "Calls started for missed records and replays")
BREAKERS_OPENED = Counter("streamhooks_breakers_opened_total", "Breakers that this worker saw open")
OVERFLOWED = Counter("streamhooks_overflowed_calls_total", "Calls over the in-flight limit of their hook")
DEAD_LETTERS = Counter("streamhooks_dead_letters_total", "Dead letters written")
REFUSED_WRITES = Counter(
    "streamhooks_refused_writes_total", "Writes that the broker rejected, to be retried", ["topic"]
)
REPEATED_RUNS = Counter("streamhooks_repeated_runs_total", "Runs that ended in an internal error of streamhooks")
UNPUBLISHABLE = Counter(
    "streamhooks_unpublishable_records_total", "Records that the broker will never accept", ["topic"]
)

UNCONFIRMED = Gauge(
    "streamhooks_oldest_unconfirmed_seconds", "Age of the oldest record of this worker that Kafka has not confirmed"
)
IN_FLIGHT = Gauge("streamhooks_deliveries_in_flight", "Deliveries that are being sent")
UNSETTLED = Gauge("streamhooks_unsettled_records", "Source records taken up and not yet settled")
PENDING = Gauge("streamhooks_pending_calls", "Calls in this worker's partitions of delayed")
UNKNOWN_TASK_CALLS = Gauge(
    "streamhooks_unknown_task_calls", "Due calls in this worker's partitions whose task it does not know"
)
PENDING_BYTES = Gauge("streamhooks_pending_bytes", "Size of the pending calls in memory, in bytes")
HOOKS = Gauge("streamhooks_hooks", "Hooks that this worker knows")
REJECTED_HOOKS = Counter(
    "streamhooks_rejected_hook_records_total", "Records of hooks without effect: made from an older state of their hook"
)
# The next metrics are computed when they are read (`worker/gauges.py`).
READY = Gauge("streamhooks_ready", "1 if /health/ready returns 200, else 0")
PAUSED = Gauge(
    "streamhooks_paused_topics",
    "1 if this worker has paused a topic of one's own, whose records can't be read",
    ["topic"],
)
DISABLED_HOOKS = Gauge("streamhooks_disabled_hooks", "Hooks disabled by their owner or by the system")
FAILING_HOOKS = Gauge("streamhooks_failing_hooks", "Active hooks for which every attempt has failed for some time")
BREAKERS_OPEN = Gauge("streamhooks_open_breakers", "Active hooks whose breaker is open")
LAG_SECONDS = Gauge("streamhooks_lag_seconds", "Age of the oldest unsettled record", ["topic"])
LAG_RECORDS = Gauge(
    "streamhooks_lag_records", "Offsets between the last settled record and the end of the log", ["topic"]
)
OLDEST_UNDELIVERED = Gauge(
    "streamhooks_oldest_undelivered_seconds", "Age of the oldest pending delivery of an active hook"
)
COUNTED = Counts("streamhooks_counted_attempts_total", "Attempts added to the windows").labels()
COUNTED_TWICE = Counter(
    "streamhooks_repeated_attempts_total", "Attempts that had been counted before, not counted again"
)
WINDOWS = Gauge("streamhooks_windows", "Cells of the windowed tables in memory", ["rollup"])
REFUSED_CALLS = Counter("streamhooks_refused_calls_total", "API calls that were rejected, by reason", ["why"])
LOST_SPANS = Counter("streamhooks_lost_spans_total", "Spans that no collector accepted")


_ENDINGS: Final = ("done", "retry", "dead", "dropped", "expired", "filtered", "ignored")
_REASONS: Final = (
    (HELD_BACK, ("sealed", "over_bound", "pause", "breaker", "rate", "disabled")),
    (FILTERED, ("no_match", "failed")),
    (REFUSED_CALLS, ("looking_back", "tests", "messages", "wrong_tokens", "connections")),
)
#: topics that are read whole, and `firings`, which is read to count attempts
_READ: Final = ("resources", "hooks", "hook_states", "delayed", "firings")


class Topics(Protocol):
    """The names of the topics."""

    def __getattr__(self, name: str) -> str: ...


def begin_at_zero(topics: Topics, sources: Collection[str], tasks: Iterable[str]) -> None:
    """Create each counter at 0. Then a panel shows 0, and an alert rule sees the first count as an increase.

    `sources` are the names of the source topics, `tasks` those of the tasks.
    """
    for topic in sources:
        for counter in (RECORDS, TOMBSTONES, LEFT_OUT, DUPLICATES, HOLES, LOOPS):
            counter.labels(topic)
    for topic in (*sources, *(getattr(topics, name) for name in _READ)):
        for counter in (BROKEN, OVERTAKEN, UNREAD, REFUSED_WRITES):
            counter.labels(topic)
        for what in ("anew", "shorter", "read once more"):
            MOVED_LOGS.labels(topic, what)
    REFUSED_WRITES.labels(topics.dead_letters)
    for topic in (topics.delayed, topics.firings, topics.dead_letters, "changelog"):
        UNPUBLISHABLE.labels(topic)
    for task in tasks:
        for counter in (RETRIES, EXHAUSTED, LONG_RUNS, OVER_TIME_LIMIT):
            counter.labels(task)
        RUNNING.labels(task)
        for outcome in _ENDINGS:
            TASKS.labels(task, outcome)
    for counter, reasons in _REASONS:
        for why in reasons:
            counter.labels(why)


# Looking up a child by its labels costs more than counting in it. There are few tasks, outcomes and topics.
records_of = cache(RECORDS.labels)
tasks_of = cache(TASKS.labels)
running_of = cache(RUNNING.labels)
