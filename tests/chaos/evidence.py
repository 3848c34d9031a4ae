"""What is held against each other in the end: the records in Kafka, the receiver's ledger, the web views."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import Message
from support import Api, consume_all, eventually

from chaos.ledger import Request
from chaos.load import SOURCES
from chaos.scene import Hook, reached
from streamhooks.records.ids import source_id, webhook_id

#: (hook, webhook-id, attempt) and the outcomes that `firings` has for it
Firings = dict[tuple[str, str, int], list[str]]
Counts = tuple[int, int, int]
ROLLUPS = ("10s", "1h", "1d")
_KEPT = {"10s": 3600, "1h": 7 * 86400, "1d": 90 * 86400}
_OUTCOMES = ("fired", "delivered", "failed")


@dataclass(frozen=True)
class Expected:
    """A delivery that must come to an end."""

    hook: str
    number: int
    partition: str
    """Its source, `<topic>:<partition>`."""
    produced: float
    """Epoch seconds."""


@dataclass
class Evidence:
    """All of it."""

    records: int = 0
    produced: int = 0
    expected: dict[str, Expected] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    firings: Firings = field(default_factory=dict)
    dead: dict[str, list[str]] = field(default_factory=dict)
    """Ids of deliveries, and why they were given up."""
    dead_otherwise: list[str] = field(default_factory=list)
    pending: dict[str, int] = field(default_factory=dict)
    """What still waits by the log of `delayed`, and how often it was tried."""
    pending_shown: int = 0
    """What the web views say is pending."""
    counters: dict[str, dict[str, Counts]] = field(default_factory=dict)
    """Rollup to hook to what the web views count."""
    unverified: int = 0


def read_topics(evidence: Evidence, brokers: str, prefix: str, hooks: tuple[Hook, ...]) -> None:
    """Read what was produced, fired, given up and is pending."""
    fan_outs: dict[str, list[str]] = {}
    for topic in SOURCES:
        for message in consume_all(brokers, prefix + topic):
            evidence.records += 1
            found = dict(_deliveries(message, topic, hooks))
            evidence.expected |= found
            fan_outs[source_id(*_coordinates(message))] = list(found)
    firings: defaultdict[tuple[str, str, int], list[str]] = defaultdict(list)
    for message in consume_all(brokers, f"{prefix}firings"):
        value = json.loads(message.value())
        for attempt in value["attempts"]:
            firings[value["hook_id"], attempt["id"], attempt["attempt"]].append(attempt["outcome"])
    evidence.firings = dict(firings)
    for message in consume_all(brokers, f"{prefix}dead-letters"):
        letter = json.loads(message.value())
        # A fan-out that was given up (its resource never came) stands for all of its deliveries.
        for one in fan_outs.get(letter["id"], [letter["id"]]):
            evidence.dead.setdefault(one, []).append(letter["reason"])
        if letter["id"] not in evidence.expected and letter["id"] not in fan_outs:
            evidence.dead_otherwise.append(f"{letter['id']}: {letter['reason']}")
    evidence.pending = read_pending(brokers, prefix)


def _deliveries(message: Message, topic: str, hooks: tuple[Hook, ...]) -> Iterator[tuple[str, Expected]]:
    value = json.loads(message.value())
    if topic == "resource-changes":
        number = int(value["instance_id"])
    else:
        number = (value["event"] if topic == "alerts" else value)["data"]["chaos"]
    partition, produced = f"{topic}:{message.partition()}", message.timestamp()[1] / 1000
    for hook in reached(hooks, topic, value):
        yield webhook_id(*_coordinates(message), hook.id), Expected(hook.id, number, partition, produced)


def _coordinates(message: Message) -> tuple[str, int, int, int]:
    return message.topic(), message.partition(), message.offset(), message.timestamp()[1]


def read_pending(brokers: str, prefix: str) -> dict[str, int]:
    """Return the calls whose last record is no tombstone, each with its attempt: what waits by the log alone."""
    pending: dict[str, int] = {}
    for message in consume_all(brokers, f"{prefix}delayed"):
        key, value = message.key().decode(), message.value()
        if value is None:
            pending.pop(key, None)
        else:
            pending[key] = json.loads(value)["attempt"]
    return pending


def ask_views(evidence: Evidence, api: Api, hooks: tuple[Hook, ...], started: float) -> None:
    """Ask for every hook's counters and pending calls; whichever worker is asked finds the one that knows."""
    for hook in hooks:
        evidence.pending_shown += len(_get(api, f"/api/hooks/{hook.id}/pending", limit=500))
    for rollup in ROLLUPS:
        if time.time() - started > _KEPT[rollup] - 120:
            continue
        evidence.counters[rollup] = {}
        for hook in hooks:
            until, bucket = time.time(), 86400 if rollup == "1d" else 3600
            totals = []
            for outcome in _OUTCOMES:
                points = _get(
                    api,
                    f"/api/hooks/{hook.id}/stats",
                    since=started - bucket,
                    until=until,
                    resolution=rollup,
                    outcome=outcome,
                )
                totals.append(sum(point["total"] for point in points))
            evidence.counters[rollup][hook.id] = (totals[0], totals[1], totals[2])


def _get(api: Api, path: str, **query: object) -> list[dict[str, int]]:
    def answer() -> list[list[dict[str, int]]]:
        found = api.get(path, **query)
        assert found.status == 200, (path, found.status, found.body[:200])
        return [found.json]

    return eventually(answer, 60, 0.5)[0]
