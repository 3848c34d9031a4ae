"""The known load: numbered records at a steady rate, whatever happens to the broker."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from confluent_kafka import KafkaError, Producer

from chaos.account import Record
from chaos.messages import Headers, message
from chaos.own import order
from chaos.scene import ACTIONS, APP, ORDERS, ORGANIZATION, PROJECTS

SOURCES = ("events", "alerts", "resource-changes", "messages", ORDERS)
_KINDS = {"events": 48, "alerts": 13, "resource-changes": 13, "messages": 13, ORDERS: 13}
#: how long after its change a resource is written that came too late, in seconds
_LATE = 1.5
#: how long brokers that were troubled last may take for what is left, in seconds
_FLUSH = 600.0
#: seconds without any confirmation after which a producer is replaced: librdkafka's idempotent one can wait forever
#: after all brokers were restarted (seen in a soak: one topic's stood still, the others went on)
STUCK = 120.0
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)


@dataclass(frozen=True)
class Written:
    """One record to write; `after` seconds from when its number is due."""

    topic: str
    key: str
    value: dict[str, Any]
    after: float = 0.0
    headers: Headers = ()


def records(seed: int, number: int, at: float) -> Iterator[Written]:
    """Make the record of that number, and the resource that it needs, if any; `at` in epoch seconds."""
    draw = random.Random(f"{seed}:{number}")
    topic = draw.choices(tuple(_KINDS), tuple(_KINDS.values()))[0]
    if topic == "resource-changes":
        yield from _change(draw, number)
        return
    if topic == "messages":
        key, value, headers = message(draw, number)
        yield Written(topic, key, value, headers=headers)
        return
    if topic == ORDERS:
        yield Written(topic, *order(draw, number))
        return
    project = draw.choice(PROJECTS)
    event = {
        "event_id": f"{number:032x}",
        "type": "error",
        "datetime": at,
        "organization": ORGANIZATION,
        "project": {"id": project, "slug": f"p{project}", "name": f"Project {project}"},
        "group": {"id": str(draw.randint(1, 999))},
        "data": {"chaos": number, "title": "x" * draw.randint(10, 400)},
    }
    if topic == "events":
        yield Written(topic, project, event)
    else:
        yield Written(topic, project, {"event": event, "rule": "r", "app_id": draw.choice((None, APP))})


def _change(draw: random.Random, number: int) -> Iterator[Written]:
    sender = draw.choice(tuple(ACTIONS))
    key, instance = f"{sender}:{number}", {"chaos": number, "title": "x" * draw.randint(10, 400)}
    how = draw.choices(("inside", "before", "late"), (80, 14, 6))[0]
    change = {
        "action": draw.choice(ACTIONS[sender]),
        "sender": sender,
        "instance_id": str(number),
        "organization": ORGANIZATION,
        "project_id": draw.choice((*PROJECTS, None)),
        "instance": instance if how == "inside" else None,
        "actor": None,
    }
    yield Written("resource-changes", key, change)
    if how != "inside":
        yield Written("resources", key, instance, _LATE if how == "late" else -_LATE)


class Load:
    """Writes in a thread from `start` to `stop`, each topic with a producer of its own."""

    def __init__(self, brokers: str, prefix: str, seed: int, rate: float) -> None:
        self._brokers, self._prefix, self._seed, self._rate = brokers, prefix, seed, rate
        self._reported: dict[str, str] = {}  # by topic, librdkafka's last report
        self._producers = {topic: self._make_producer(topic) for topic in (*SOURCES, "resources")}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._writing = threading.Lock()
        self._held: dict[str, list[Written]] = {}
        self._heard = dict.fromkeys(self._producers, time.monotonic())
        self._extra = 0
        self.lives: Counter[str] = Counter()
        """Per topic: how often its log began again, as reported to `renew`."""
        self.refused: list[str] = []
        self.replaced: list[str] = []
        """The topics whose producer stood still and was replaced, with librdkafka's last report on it."""
        #: what the brokers confirmed, of the source topics
        self.confirmed: list[Record] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[Record]:
        """Stop, wait until all is confirmed, and return the records of the source topics."""
        self._stopping.set()
        self._thread.join()
        until = time.monotonic() + _FLUSH
        while (left := sum(producer.flush(0.2) for producer in self._producers.values())) and time.monotonic() < until:
            self.replace_stuck(time.monotonic())
        if left or self.refused:
            raise AssertionError(f"the broker did not take {left} records; it refused {self.refused[:3]}")
        return self.confirmed

    def burst(self, count: int) -> None:
        """Write this many records more, at once."""
        with self._writing:
            self._extra += count

    def hold(self, topic: str) -> None:
        """Write nothing more to this topic, and wait until the brokers have confirmed what was."""
        with self._writing:
            self._held[topic] = []
        if left := self._producers[topic].flush(60):
            self.refused.append(f"{left} records of {topic} before it was held")

    def renew(self, topic: str) -> None:
        """Continue with a topic that was held: its log is now another one, or shorter."""
        with self._writing:
            self.lives[topic] += 1
            # The new log knows nothing of the old producer's sequence.
            self._producers[topic] = self._make_producer(topic)
            for one in self._held.pop(topic):
                self._write(one)

    def replace_stuck(self, now: float) -> None:
        """Have another producer write what one holds that has heard nothing for long; `now` as of a monotonic clock.

        What was on its way may be there twice then: both are records, and the account knows them by their value.
        """
        for topic, producer in list(self._producers.items()):
            if not len(producer):
                self._heard[topic] = now
            elif now - self._heard[topic] > STUCK:
                with self._writing:
                    self._heard[topic] = now
                    self.replaced.append(f"{topic} ({_in_short(self._reported.get(topic, '{}'))})")
                    self._producers[topic] = self._make_producer(topic)
                    producer.purge()
                    producer.flush(10)

    def _make_producer(self, topic: str) -> Producer:
        # Idempotent: what the producer repeats after a restart of the broker must not be in the topic twice.
        return Producer(
            {
                "bootstrap.servers": self._brokers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                # With several, librdkafka gives up when a batch among them is refused for too few replicas in sync.
                "max.in.flight.requests.per.connection": 1,
                "message.timeout.ms": 0,
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 1000,
                # Partitions that are added are written to at once.
                "topic.metadata.refresh.interval.ms": 1000,
                "log_level": 0,
                "error_cb": lambda _error: None,
                "statistics.interval.ms": 5000,
                "stats_cb": lambda reported: self._reported.update({topic: reported}),
            }
        )

    def _run(self) -> None:
        started = time.monotonic()
        due: list[tuple[float, int, Written]] = []
        number = order = 0
        while not self._stopping.is_set() or due:
            now = time.monotonic() - started
            # Ahead of its time, since a resource is to be there before its change.
            while not self._stopping.is_set() and (number - self._extra) / self._rate <= now:
                for one in records(self._seed, number, time.time()):
                    heapq.heappush(due, ((number - self._extra) / self._rate + _LATE + one.after, order, one))
                    order += 1
                number += 1
            while due and due[0][0] <= now:
                self._write_unless_held(heapq.heappop(due)[2])
            for producer in list(self._producers.values()):
                producer.poll(0)
            self.replace_stuck(time.monotonic())
            time.sleep(0.01)

    def _write_unless_held(self, one: Written) -> None:
        with self._writing:
            if one.topic in self._held:
                self._held[one.topic].append(one)
            else:
                self._write(one)

    def _write(self, one: Written) -> None:
        producer, life = self._producers[one.topic], self.lives[one.topic]
        # Of a batch that was written but not confirmed to its producer, Kafka reports another offset.
        timestamp = int(time.time() * 1000)

        def delivered(error: KafkaError | None, message: Any) -> None:
            self._heard[one.topic] = time.monotonic()
            if error is not None and error.code() in _PURGED:
                self._write(one)
            elif error is not None:
                self.refused.append(f"{one.topic}: {error}")
            elif one.topic in SOURCES:
                place = message.partition(), message.offset(), timestamp
                self.confirmed.append(Record(one.topic, *place, life, message.value()))

        while True:
            try:
                producer.produce(
                    self._prefix + one.topic,
                    orjson.dumps(one.value),
                    one.key,
                    on_delivery=delivered,
                    timestamp=timestamp,
                    headers=list(one.headers),
                )
            except BufferError:
                producer.poll(0.1)
            else:
                return


def _in_short(reported: str) -> str:
    """Return the part of librdkafka's statistics that shows why a producer stands still."""
    statistics = orjson.loads(reported)
    brokers = {name: broker["state"] for name, broker in statistics.get("brokers", {}).items()}
    return f"{statistics.get('eos', {}).get('idemp_state', 'nothing reported')}, brokers {brokers or 'none'}"
