"""Every metric, in one place; labels are bounded: never a hook, a URL or an id."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from functools import cache
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class Durations(Collector):
    """A histogram by task of what is measured in the event loop only: no locks, and no walk through the buckets."""

    _labelnames = ("task",)

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        REGISTRY.register(self)

    def observe(self, task: str, seconds: float) -> None:
        """Add a measurement."""
        counts = self._counts.get(task)
        if counts is None:
            counts = self._counts[task] = [0] * (len(_SECONDS) + 1)
            self._sums[task] = 0.0
        counts[bisect_left(_SECONDS, seconds)] += 1
        self._sums[task] += seconds

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return what Prometheus reads."""
        family = HistogramMetricFamily(self._name, self._text, labels=["task"])
        bounds = [*(str(float(bound)) for bound in _SECONDS), "+Inf"]
        for task, counts in list(self._counts.items()):
            family.add_metric([task], list(zip(bounds, accumulate(counts), strict=True)), self._sums[task])
        yield family


RECORDS = Counter("streamhooks_records_total", "Source records taken up", ["topic"])
BROKEN = Counter("streamhooks_broken_records_total", "Records that could not be read", ["topic"])
TOMBSTONES = Counter("streamhooks_tombstones_total", "Tombstones on the users' topics, skipped", ["topic"])
DOUBLES = Counter("streamhooks_double_records_total", "Records whose event another record had brought", ["topic"])
HOLES = Counter("streamhooks_skipped_records_total", "Records that were not handed over and were read again", ["topic"])
LOOPS = Counter("streamhooks_stopped_loops_total", "Records that too many deliveries led to", ["topic"])
OVERTAKEN = Counter(
    "streamhooks_retention_jumps_total", "Records that retention removed before they were read", ["topic"]
)
MOVED_LOGS = Counter(
    "streamhooks_moved_logs_total", "Partitions whose log was made anew, or lost what had been read", ["topic", "what"]
)
UNREAD = Counter(
    "streamhooks_expired_offset_skips_total", "Records skipped since the committed offset was gone", ["topic"]
)

TASKS = Counter("streamhooks_tasks_total", "Runs of tasks by how they ended", ["task", "outcome"])
TASK_SECONDS = Durations("streamhooks_task_seconds", "How long a run took")
QUEUE_SECONDS = Durations("streamhooks_task_queue_seconds", "From when a run was due to when it started")
RETRIES = Counter("streamhooks_task_retries_total", "Runs that will be repeated", ["task"])
EXHAUSTED = Counter("streamhooks_task_exhausted_total", "Calls whose retries are used up", ["task"])
HELD_BACK = Counter("streamhooks_held_back_calls_total", "Calls handed to the hook's home, by why", ["why"])
CAUGHT_UP = Counter("streamhooks_caught_up_calls_total", "Calls started for what a hook had missed, and for replays")
BREAKERS_OPENED = Counter("streamhooks_breakers_opened_total", "Breakers that this worker saw trip")
OVERFLOWED = Counter("streamhooks_overflowed_calls_total", "Calls beyond what their hook may have in flight")
DEAD_LETTERS = Counter("streamhooks_dead_letters_total", "What was given up")
REFUSED_WRITES = Counter(
    "streamhooks_refused_writes_total", "Writes that the broker did not take, and that are tried again", ["topic"]
)
REPEATED_RUNS = Counter("streamhooks_repeated_runs_total", "Runs that ended in an error of streamhooks itself")
UNPUBLISHABLE = Counter("streamhooks_unpublishable_records_total", "Records that the broker will never take", ["topic"])

UNCONFIRMED = Gauge(
    "streamhooks_oldest_unconfirmed_seconds", "Age of the oldest record of ours that Kafka has not confirmed"
)
IN_FLIGHT = Gauge("streamhooks_deliveries_in_flight", "Deliveries that are being sent")
UNSETTLED = Gauge("streamhooks_unsettled_records", "Source records taken up and not settled")
PENDING = Gauge("streamhooks_pending_calls", "Calls in the owned partitions of delayed")
PENDING_BYTES = Gauge("streamhooks_pending_bytes", "Bytes of the values of pending calls")
HOOKS = Gauge("streamhooks_hooks", "Hooks that this worker knows")
REJECTED_HOOKS = Counter(
    "streamhooks_rejected_hook_records_total", "Records of hooks that were made from an older state, and change nothing"
)
# The next ones are computed when they are read (`worker/gauges.py`).
READY = Gauge("streamhooks_ready", "Whether this worker is ready, as /health/ready tells")
DISABLED_HOOKS = Gauge("streamhooks_disabled_hooks", "Hooks that are disabled, by their owner or by the system")
FAILING_HOOKS = Gauge("streamhooks_failing_hooks", "Active hooks of which every attempt fails")
BREAKERS_OPEN = Gauge("streamhooks_open_breakers", "Active hooks whose breaker is open")
LAG_SECONDS = Gauge("streamhooks_lag_seconds", "Age of the oldest record that is not settled", ["topic"])
LAG_RECORDS = Gauge("streamhooks_lag_records", "Records between what is settled and the end", ["topic"])
OLDEST_UNDELIVERED = Gauge(
    "streamhooks_oldest_undelivered_seconds", "Age of the oldest pending delivery of an active hook"
)
COUNTED = Counter("streamhooks_counted_attempts_total", "Attempts that were added to the windows")
COUNTED_TWICE = Counter(
    "streamhooks_repeated_attempts_total", "Attempts that had been counted before, and were not again"
)
WINDOWS = Gauge("streamhooks_windows", "Cells of the windowed tables in memory", ["rollup"])
REFUSED_CALLS = Counter("streamhooks_refused_calls_total", "Calls of the API that were turned away, by why", ["why"])
LOST_SPANS = Counter("streamhooks_lost_spans_total", "Spans that no collector took")


_ENDINGS: Final = ("done", "retry", "dead", "dropped", "ignored")
#: what is read whole, or followed to be counted
_READ: Final = ("resources", "hooks", "hook_states", "delayed", "firings")


class Topics(Protocol):
    """The names of the topics."""

    def __getattr__(self, name: str) -> str: ...


def begin_at_zero(topics: Topics, sources: Collection[str], tasks: Iterable[str]) -> None:
    """Have each counter there before it counts: a panel shows 0 then, and the first one is an increase for a rule.

    `sources` are the names of the source topics.
    """
    for topic in sources:
        for counter in (RECORDS, TOMBSTONES, DOUBLES, HOLES, LOOPS):
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
        for counter in (RETRIES, EXHAUSTED):
            counter.labels(task)
        for outcome in _ENDINGS:
            TASKS.labels(task, outcome)
    for why in ("sealed", "over_bound", "pause", "breaker", "rate", "disabled"):
        HELD_BACK.labels(why)
    for why in ("looking_back", "tests", "wrong_tokens", "connections"):
        REFUSED_CALLS.labels(why)


# A look-up of a child by its labels costs more than to count in it; tasks, outcomes and topics are few.
records_of = cache(RECORDS.labels)
tasks_of = cache(TASKS.labels)
