"""The counts of the demo: from Kafka, the workers' web views and the receiver."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamhooks.dev.traffic import KINDS
from streamhooks.times import moment
from streamhooks.web.http.json_client import call

_DAY = 86_400
_DEAD = "dead-letters"


@dataclass(frozen=True)
class Target:
    """A hook of the demo: its id, the path that it calls, what it gets, and the path's behaviour; both in words."""

    id: str
    path: str
    gets: str
    behaviour: str


@dataclass(frozen=True)
class HookCounts:
    """A hook's counts from the web views: all, successful and failed attempts, pending calls, the latest outcome."""

    fired: int = 0
    delivered: int = 0
    failed: int = 0
    pending: int = 0
    latest: str = ""


@dataclass(frozen=True)
class Received:
    """The receiver's counts: requests, those with a wrong signature or none, distinct webhook-ids."""

    requests: int = 0
    unverified: int = 0
    ids: int = 0


@dataclass(frozen=True)
class Measures:
    """All counts since the start of the demo.

    produced -- records by topic. dead -- dead letters. hooks -- by path. latency -- median milliseconds from
    produced to received, of the latest messages on the path that behaves well; None before the first.
    """

    produced: Mapping[str, int]
    dead: int
    hooks: Mapping[str, HookCounts]
    received: Received
    latency: float | None

    def total(self, name: str) -> int:
        """Return the sum over all hooks of one of their counts."""
        return sum(getattr(counts, name) for counts in self.hooks.values())

    @property
    def retried(self) -> int:
        """Return the number of failed attempts that were retried: all except those that became dead letters."""
        return max(0, self.total("failed") - self.dead)

    @property
    def verified(self) -> int:
        """Return the number of requests with correct signatures."""
        return self.received.requests - self.received.unverified


class Meter:
    """Collects the counts. A source that does not answer, as while partitions move, keeps its last value."""

    def __init__(
        self,
        brokers: str,
        prefix: str,
        receiver: str,
        targets: Sequence[Target],
        bases: Callable[[], Sequence[str]],
        now: float,
    ) -> None:
        """Start counting at `now`; what kept data already has is subtracted.

        receiver -- its base URL. targets -- the first is of the format `standard`, and its path behaves well.
        bases -- returns the base URLs of the running workers. now -- epoch seconds.
        """
        self._prefix, self._receiver, self._targets, self._bases = prefix, receiver, targets, bases
        self._admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
        self._latencies: deque[float] = deque(maxlen=1000)
        self._unsigned, self._seen_until = 0, 0.0
        # Whole days, the coarsest rollup: the finest is only kept for an hour.
        self._since = int(now // _DAY * _DAY)
        self._ends = self._end_offsets()
        self._first_ends = self._ends
        self._counts = {target.path: HookCounts() for target in targets}
        self._before = {target.path: self._counts_of(target, HookCounts()) for target in targets}
        self._received = Received()

    def measure(self) -> Measures:
        """Query all sources and return the counts; takes a fraction of a second."""
        self._ends = self._end_offsets() or self._ends
        written = {topic: end - self._first_ends.get(topic, 0) for topic, end in self._ends.items()}
        for target in self._targets:
            self._counts[target.path] = self._counts_of(target, self._before[target.path], self._counts[target.path])
        self._ask_receiver()
        return Measures(
            produced={topic: written.get(topic, 0) for topic in KINDS},
            dead=written.get(_DEAD, 0),
            hooks=dict(self._counts),
            received=self._received,
            latency=statistics.median(self._latencies) if self._latencies else None,
        )

    def _end_offsets(self) -> dict[str, int]:
        """Return the sum of each topic's end offsets, by name without the prefix; empty if Kafka doesn't answer."""
        try:
            known = self._admin.list_topics(timeout=5).topics
            names = {self._prefix + name: name for name in (*KINDS, _DEAD)}
            wanted = {
                TopicPartition(topic, partition): OffsetSpec.latest()
                for topic in names
                for partition in known[topic].partitions
            }
            found = self._admin.list_offsets(wanted, request_timeout=5)
            ends = dict.fromkeys(names.values(), 0)
            for partition, future in found.items():
                ends[names[partition.topic]] += future.result().offset
        except (KafkaException, KeyError):
            return {}
        return ends

    def _counts_of(self, target: Target, before: HookCounts, last: HookCounts | None = None) -> HookCounts:
        last = last or HookCounts()
        path = f"/api/hooks/{target.id}"
        changes: dict[str, Any] = {}
        for outcome in ("fired", "delivered", "failed"):
            answer = self._ask(f"{path}/stats?outcome={outcome}&resolution=1d&since={self._since}")
            if answer:
                total = sum(point["total"] for point in answer.json)
                changes[outcome] = total - getattr(before, outcome)
        if answer := self._ask(f"{path}/pending?limit=1"):
            changes["pending"] = int(answer.headers["X-Total-Count"])
        if (answer := self._ask(f"{path}/requests?limit=1")) and answer.json:
            (attempt,) = answer.json
            changes["latest"] = f"{attempt['outcome']}: {attempt['status'] or attempt['error']}"
        return replace(last, **changes)

    def _ask(self, path: str) -> Any:
        for base in self._bases():
            try:
                answer = call("GET", base + path)
            except OSError:
                continue  # the worker has just ended: ask another one
            return answer if answer.status == 200 else None
        return None

    def _ask_receiver(self) -> None:
        try:
            count = call("GET", f"{self._receiver}/_count").json
            new = call("GET", f"{self._receiver}/_requests?since={self._seen_until!r}").json
        except OSError:
            return
        for request in new:
            if request["time"] <= self._seen_until:
                continue
            self._seen_until = request["time"]
            self._unsigned += request["verified"] is None
            if request["path"] == self._targets[0].path and (produced := _produced(request["body"])):
                self._latencies.append((request["time"] - produced) * 1000)
        self._received = Received(count["requests"], count["unverified"] + self._unsigned, count["ids"])


def _produced(body: str) -> float | None:
    """Return when the sample traffic produced the message of a body (epoch seconds), else None."""
    try:
        return moment(orjson.loads(body)["timestamp"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
