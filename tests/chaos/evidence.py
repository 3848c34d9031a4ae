"""What is compared in the end: the records in Kafka, the receiver's ledger, the web views."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message
from support import Api, consume_all, eventually

from chaos.account import Account, Record, Removal, Reported, balance, reconciled
from chaos.answers import Passed, passed_of
from chaos.ledger import Request
from chaos.load import SOURCES
from chaos.scene import ORDERS, Hook, message_data, reached
from streamhooks.records.ids import source_id, webhook_id

#: (hook, webhook-id, attempt) and the outcomes that `firings` has for it
Firings = dict[tuple[str, str, int], list[str]]
Counts = tuple[int, int, int]
ROLLUPS = ("10s", "1h", "1d")
_KEPT = {"10s": 3600, "1h": 7 * 86400, "1d": 90 * 86400}
_OUTCOMES = ("fired", "delivered", "failed")
#: nothing in these runs is tried again later than that, in seconds
_SOON = 60.0


@dataclass(frozen=True)
class Expected:
    """A delivery that must end."""

    hook: str
    number: int
    partition: str
    """Its source, `<topic>:<partition>`."""
    produced: float
    """Epoch seconds."""
    offset: int = -1


@dataclass
class Evidence:
    """All of it."""

    account: Account = field(default_factory=Account)
    """What Kafka confirmed, and what of it is gone."""
    gone: dict[str, str] = field(default_factory=dict)
    """Deliveries whose record Kafka no longer holds: `reported`, `silent`, `unknowable`, or `vanished`."""
    expected: dict[str, Expected] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    firings: Firings = field(default_factory=dict)
    dead: dict[str, list[str]] = field(default_factory=dict)
    """Ids of deliveries, and why they were given up."""
    dead_otherwise: list[str] = field(default_factory=list)
    pending: dict[str, float] = field(default_factory=dict)
    """What still waits by the log of `delayed`, and how often it was tried."""
    later: set[str] = field(default_factory=set)
    """Those of them that are due far ahead, written by a worker whose clock was ahead."""
    waited: dict[str, float] = field(default_factory=dict)
    """Per call that ever waited in `delayed`: until when (epoch seconds)."""
    pending_shown: int = 0
    """What the web views show as pending, except calls due far ahead."""
    counters: dict[str, dict[str, Counts]] = field(default_factory=dict)
    """Per rollup and hook: the counts of the web views."""
    unverified: int = 0
    reported: list[Reported] = field(default_factory=list)
    """What `notices` says about source partitions."""
    gone_for: dict[str, list[Passed]] = field(default_factory=dict)
    """What it says is gone of what a hook had yet to get, by hook."""
    moves: dict[str, int] = field(default_factory=dict)
    """The counts of all workers, as far as they were seen, in the form of `must_be_counted`."""
    all_moves_seen: bool = False
    """No worker ended that may have counted more than was seen."""


def read_topics(
    evidence: Evidence,
    brokers: str,
    prefix: str,
    hooks: tuple[Hook, ...],
    written: Sequence[Record],
    removals: Sequence[Removal],
    kept: Sequence[bytes],
    shifts: Collection[float],
) -> None:
    """Read which confirmed records Kafka still holds, and what was fired, given up, reported and is pending.

    kept -- values that `dead-letters` held before it was recreated. shifts -- see `ask_views`.
    """
    held = {
        (topic, *_place(message)): message.value()
        for topic in SOURCES
        for message in consume_all(brokers, prefix + topic)
    }
    written = reconciled(written, held)
    evidence.reported, evidence.gone_for = read_notices(brokers, prefix)
    account = evidence.account = balance(written, set(held), removals, evidence.reported)
    fan_outs: dict[str, list[str]] = {}
    for record in written:
        found = dict(_deliveries(prefix, record, hooks))
        evidence.expected |= found
        fan_outs[source_id(prefix + record.topic, *record.place[1:])] = list(found)
        if record.place in account.gone:
            reported = "reported" if record.place in account.reported else "silent"
            evidence.gone |= dict.fromkeys(found, reported if record.place in account.owed else "unknowable")
        elif record.place in account.vanished:
            evidence.gone |= dict.fromkeys(found, "vanished")
    firings: defaultdict[tuple[str, str, int], list[str]] = defaultdict(list)
    for message in consume_all(brokers, f"{prefix}firings"):
        value = json.loads(message.value())
        for attempt in value["attempts"]:
            if attempt["cause"] == "test":
                continue  # a caller asked for it: it is no delivery, and counts nowhere
            firings[value["hook_id"], attempt["id"], attempt["attempt"]].append(attempt["outcome"])
    evidence.firings = dict(firings)
    for letters in (*kept, *(message.value() for message in consume_all(brokers, f"{prefix}dead-letters"))):
        letter = json.loads(letters)
        # A fan-out that was given up (its resource never came), or waits, stands for all of its deliveries.
        for one in fan_outs.get(letter["id"], [letter["id"]]):
            evidence.dead.setdefault(one, []).append(letter["reason"])
        if letter["id"] not in evidence.expected and letter["id"] not in fan_outs:
            evidence.dead_otherwise.append(f"{letter['id']}: {letter['reason']}")
    for call, due in read_pending(brokers, prefix).items():
        evidence.pending |= dict.fromkeys(fan_outs.get(call, [call]), due)
    for call, at in read_waited(brokers, prefix).items():
        evidence.waited |= dict.fromkeys(fan_outs.get(call, [call]), at)
    evidence.later = {one for one, due in evidence.pending.items() if is_later(due, shifts)}


def read_notices(brokers: str, prefix: str) -> tuple[list[Reported], dict[str, list[Passed]]]:
    """Return what `notices` says about source partitions, and what it says is gone for hooks."""
    found, gone_for = [], defaultdict[str, list[Passed]](list)
    for message in consume_all(brokers, f"{prefix}notices"):
        value = json.loads(message.value())
        topic, colon, partition = value["hook_id"].removeprefix(prefix).rpartition(":")
        if colon:
            # By the clock of Kafka's client: that of the worker may have jumped.
            found.append(Reported(message.timestamp()[1] / 1000, topic, int(partition), value["why"]))
        elif passed := passed_of(value["why"], prefix):
            gone_for[value["hook_id"]].append(passed)
    return found, dict(gone_for)


def _deliveries(prefix: str, record: Record, hooks: tuple[Hook, ...]) -> Iterator[tuple[str, Expected]]:
    value = json.loads(record.value)
    if record.topic == "resource-changes":
        number = int(value["instance_id"])
    elif record.topic in ("messages", ORDERS):
        number = message_data(value)["chaos"]
    else:
        number = (value["event"] if record.topic == "alerts" else value)["data"]["chaos"]
    partition, produced = f"{record.topic}:{record.partition}", record.timestamp / 1000
    for hook in reached(hooks, record.topic, value):
        identifier = webhook_id(prefix + record.topic, *record.place[1:], hook.id)
        yield identifier, Expected(hook.id, number, partition, produced, record.offset)


def _place(message: Message) -> tuple[int, int, int]:
    return message.partition(), message.offset(), message.timestamp()[1]


def is_later(due: float, shifts: Collection[float]) -> bool:
    """Tell whether a call is due (epoch seconds) so late that only a clock that was ahead can have set it."""
    ahead = due - time.time()
    return _SOON < ahead < max(shifts) + _SOON


def read_pending(brokers: str, prefix: str) -> dict[str, float]:
    """Return the calls whose last record is no tombstone, by webhook-id: what waits by the log alone.

    Each with the time of day for which it waits (epoch seconds), 0 if for none (docs/reference/records.md).
    """
    return pending_of(consume_all(brokers, f"{prefix}delayed"))


def pending_of(messages: Iterable[Message]) -> dict[str, float]:
    """Return what is pending by these records of `delayed`; of two calls with one webhook-id, the earlier one's time.

    A call without a webhook-id has its own id.
    """
    pending: dict[bytes, tuple[str, float]] = {}
    for message in messages:
        key, value = message.key(), message.value()
        if value is None:
            pending.pop(key, None)
        else:
            call = json.loads(value)
            at_once = call["reason"] not in ("retry", "countdown") or call["due"] <= call["created"]
            pending[key] = call["webhook_id"] or key.decode(), 0.0 if at_once else call["due"] / 1000
    found: dict[str, float] = {}
    for identifier, due in pending.values():
        found[identifier] = min(due, found.get(identifier, due))
    return found


def read_waited(brokers: str, prefix: str) -> dict[str, float]:
    """Return when (epoch seconds) the last record of each call was written, or its tombstone, by webhook-id."""
    return waited_of(consume_all(brokers, f"{prefix}delayed"))


def waited_of(messages: Iterable[Message]) -> dict[str, float]:
    """Return the same by these records of `delayed`."""
    names: dict[bytes, str] = {}
    found: dict[str, float] = {}
    for message in messages:
        key, value = message.key(), message.value()
        if value is not None:
            names[key] = json.loads(value)["webhook_id"] or key.decode()
        found[names.get(key, key.decode())] = message.timestamp()[1] / 1000
    return found


def ask_views(evidence: Evidence, api: Api, hooks: tuple[Hook, ...], started: float, shifts: Collection[float]) -> None:
    """Ask for every hook's counters and pending calls; whichever worker is asked finds the one that knows.

    shifts -- how far clocks of workers were from ours: an attempt is counted where its worker's clock was.
    """
    started += min(shifts)
    for hook in hooks:
        shown = _get(api, f"/api/hooks/{hook.id}/pending", limit=500)
        evidence.pending_shown += sum(not is_later(one["due"] / 1000, shifts) for one in shown)
    for rollup in ROLLUPS:
        if time.time() - started > _KEPT[rollup] - 120:
            continue
        evidence.counters[rollup] = {}
        for hook in hooks:
            until, bucket = time.time() + max(shifts), 86400 if rollup == "1d" else 3600
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
