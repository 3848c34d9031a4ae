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
from confluent_kafka import Producer

from chaos.scene import ACTIONS, APP, ORGANIZATION, PROJECTS

SOURCES = ("events", "alerts", "resource-changes")
_KINDS = {"events": 70, "alerts": 15, "resource-changes": 15}
#: how long after its change a resource is written that came too late, in seconds
_LATE = 1.5


@dataclass(frozen=True)
class Written:
    """One record to write; `after` seconds from when its number is due."""

    topic: str
    key: str
    value: dict[str, Any]
    after: float = 0.0


def records(seed: int, number: int, at: float) -> Iterator[Written]:
    """Make the record of that number, and the resource that it needs, if any; `at` in epoch seconds."""
    draw = random.Random(f"{seed}:{number}")
    topic = draw.choices(tuple(_KINDS), tuple(_KINDS.values()))[0]
    if topic == "resource-changes":
        yield from _change(draw, number)
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
    """Writes in a thread from `start` to `stop`."""

    def __init__(self, brokers: str, prefix: str, seed: int, rate: float) -> None:
        self._prefix, self._seed, self._rate = prefix, seed, rate
        # Idempotent: what the producer repeats after a restart of the broker must not be in the topic twice.
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.timeout.ms": 0,
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
                "error_cb": lambda _error: None,
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.refused: list[str] = []
        #: how many records of each topic the broker confirmed
        self.confirmed: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> int:
        """Stop, wait until all is confirmed, and return how many records of the source topics there are."""
        self._stopping.set()
        self._thread.join()
        left = self._producer.flush(120)
        if left or self.refused:
            raise AssertionError(f"the broker did not take {left} records; it refused {self.refused[:3]}")
        return sum(self.confirmed[topic] for topic in SOURCES)

    def _run(self) -> None:
        started = time.monotonic()
        due: list[tuple[float, int, Written]] = []
        number = order = 0
        while not self._stopping.is_set() or due:
            now = time.monotonic() - started
            # Ahead of its time, since a resource is to be there before its change.
            while not self._stopping.is_set() and number / self._rate <= now:
                for one in records(self._seed, number, time.time()):
                    heapq.heappush(due, (number / self._rate + _LATE + one.after, order, one))
                    order += 1
                number += 1
            while due and due[0][0] <= now:
                self._write(heapq.heappop(due)[2])
            self._producer.poll(0)
            time.sleep(0.01)

    def _write(self, one: Written) -> None:
        while True:
            try:
                self._producer.produce(
                    self._prefix + one.topic, orjson.dumps(one.value), one.key, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: object, message: Any) -> None:
        if error is None:
            self.confirmed[message.topic().removeprefix(self._prefix)] += 1
        else:
            self.refused.append(str(error))
