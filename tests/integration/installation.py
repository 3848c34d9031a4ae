"""One installation under test: its topics, its workers, a receiver, and short names for what every test does."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from support import Api, Receiver, Worker, api, consume_all, eventually, produce

JSON = dict[str, Any]


@dataclass(frozen=True)
class Hook:
    """A hook that was created, and the path of the receiver that is its own."""

    id: str
    secret: str
    path: str
    receiver: Receiver

    def requests(self) -> list[JSON]:
        return self.receiver.requests(self.path)

    def received(self, count: int = 1, timeout: float = 60.0) -> list[JSON]:
        """Wait for so many requests and return all that came, oldest first."""
        eventually(lambda: len(self.requests()) >= count, timeout)
        return self.requests()


class Installation:
    """Workers that share a prefix; `settings` are those of each of them."""

    def __init__(self, brokers: str, data: Path, receiver: Receiver, **settings: object) -> None:
        self.brokers, self.receiver, self.settings = brokers, receiver, settings
        self.prefix = f"t{secrets.token_hex(4)}."
        self.workers: list[Worker] = []
        self._data = data
        self._paths = count(1)

    def add_worker(self, *, start: bool = True, **settings: object) -> Worker:
        folder = self._data / f"{self.prefix}{len(self.workers)}"
        one = Worker(self.brokers, self.prefix, folder, **{**self.settings, **settings})
        self.workers.append(one)
        return one.start() if start else one

    @property
    def worker(self) -> Worker:
        return self.workers[0]

    @property
    def api(self) -> Api:
        """Of the first worker that runs."""
        return replace(api(next(worker for worker in self.workers if worker.running)), is_patient=True)

    def end(self, *, show_logs: bool = False) -> None:
        for worker in self.workers:
            worker.kill()
            if show_logs:
                print(worker.tail(200))
        _delete_topics(self.brokers, self.prefix)
        # In a log that is full of false alarms nobody finds the true one.
        alarms = [line for worker in self.workers for line in worker.log.read_text().splitlines() if "Aiokafka" in line]
        assert not alarms, alarms[0]

    # --- hooks

    def path(self) -> str:
        return f"/{self.prefix}{next(self._paths)}"

    def create_hook(self, organization: str, *events: str, behaviour: str = "", **fields: object) -> Hook:
        """Create a hook whose endpoint behaves so (`status=500&fail=1`), known to every worker."""
        path = self.path()
        url = self.receiver.url(f"{path}?{behaviour}" if behaviour else path)
        body = {"organization_id": organization, "url": url, "events": events or ["event.created"], **fields}
        answer = self.api.post("/api/hooks", body)
        assert answer.status == 201, answer
        made = answer.json
        self.wait_known(made["id"])
        return Hook(made["id"], made["secret"], path, self.receiver)

    def write_hook(self, organization: str, **fields: object) -> str:
        """Write a hook to the topic, as a GitOps of the user would; return its id when it is in force."""
        hook_id = secrets.token_hex(16)
        self.produce("hooks", hook_id, hook_record(hook_id, organization, **fields))
        self.wait_known(hook_id)
        return hook_id

    def wait_known(self, hook_id: str) -> None:
        for worker in self.workers:
            if worker.running:
                eventually(lambda one=worker: api(one).get(f"/api/hooks/{hook_id}").status == 200)

    # --- topics

    def produce(self, topic: str, key: str | bytes | None, value: object, **options: Any) -> Message:
        return produce(self.brokers, self.prefix + topic, key, value, **options)

    def produce_with(self, topic: str, key: str, values: Iterable[bytes], **config: object) -> None:
        """Write values with a producer that is configured so: `compression_type="zstd"`."""
        settings = {name.replace("_", "."): value for name, value in config.items()}
        refused: list[object] = []
        producer = Producer({"bootstrap.servers": self.brokers, "partitioner": "murmur2_random", **settings})
        for value in values:
            producer.produce(
                self.prefix + topic, value, key, on_delivery=lambda error, _: refused.append(error) if error else None
            )
        assert producer.flush(30) == 0
        assert not refused

    def records(self, topic: str) -> list[Message]:
        return consume_all(self.brokers, self.prefix + topic)

    def dead_letters(self, fits: Callable[[JSON], bool] = lambda _: True) -> list[JSON]:
        letters = [json.loads(record.value()) for record in self.records("dead-letters")]
        return [letter for letter in letters if fits(letter)]

    def dead_letter_of(self, hook: Hook | str) -> JSON:
        """Wait for the one dead letter of a hook."""
        hook_id = hook if isinstance(hook, str) else hook.id
        found = eventually(lambda: self.dead_letters(lambda letter: letter["hook_id"] == hook_id))
        assert len(found) == 1
        return found[0]

    def dead_letter_at(self, written: Message, timeout: float = 60.0) -> JSON:
        """Wait for the one dead letter of a source record."""
        source = coordinates(written)
        found = eventually(lambda: self.dead_letters(lambda letter: letter["source"] == source), timeout)
        assert len(found) == 1
        return found[0]

    # --- views

    def is_committed(self, topic: str) -> bool:
        """Tell whether the workers have committed all that a topic of sources holds."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": f"{self.prefix}worker"})
        try:
            (found,) = consumer.list_topics(self.prefix + topic, timeout=30).topics.values()
            asked = [TopicPartition(self.prefix + topic, partition) for partition in found.partitions]
            ends = [consumer.get_watermark_offsets(tp, timeout=30)[1] for tp in asked]
            return [max(0, tp.offset) for tp in consumer.committed(asked, timeout=30)] == ends
        finally:
            consumer.close()

    def totals(self, hook: Hook, worker: Worker | None = None, **query: object) -> tuple[int, int, int]:
        """Return what the stats view counts: fired, delivered, failed."""
        client = api(worker) if worker else self.api
        fired, delivered, failed = (
            sum(point["total"] for point in _ok(client.get(f"/api/hooks/{hook.id}/stats", outcome=outcome, **query)))
            for outcome in ("fired", "delivered", "failed")
        )
        return fired, delivered, failed

    def latest(self, hook: Hook, worker: Worker | None = None) -> list[JSON]:
        """Return what the requests view shows."""
        return _ok((api(worker) if worker else self.api).get(f"/api/hooks/{hook.id}/requests"))

    def pending(self, hook: Hook, worker: Worker | None = None) -> list[JSON]:
        """Return what the pending view shows."""
        return _ok((api(worker) if worker else self.api).get(f"/api/hooks/{hook.id}/pending"))


def _ok(answer: Any) -> Any:
    assert answer.status == 200, answer
    return answer.json


def coordinates(written: Message) -> str:
    """Return `<topic>:<partition>:<offset>` of a record."""
    return f"{written.topic()}:{written.partition()}:{written.offset()}"


def hook_record(hook_id: str, organization: str, **fields: object) -> JSON:
    """Make a value for the topic `hooks`."""
    return {
        "id": hook_id,
        "organization_id": organization,
        "project_ids": [],
        "app_id": None,
        "url": "http://127.0.0.1:9/hook",
        "events": ["event.created"],
        "secret": "a secret of sixteen",
        "version": 0,
        "status": "active",
        **fields,
    }


def event(organization: str, project: str = "11", **changes: object) -> JSON:
    """Make an Event (docs/reference/records.md)."""
    return {
        "event_id": secrets.token_hex(16),
        "type": "error",
        "datetime": "2026-11-22T10:00:00Z",
        "organization": {"id": organization, "slug": "acme"},
        "project": {"id": project, "slug": "shop", "name": "Shop"},
        "group": {"id": "1001", "title": "KeyError: 'currency'"},
        "data": {"message": "grüße", "at": time.time()},
        **changes,
    }


def alert(organization: str, project: str = "11", **changes: object) -> JSON:
    """Make an Alert (docs/reference/records.md)."""
    return {"event": event(organization, project), "rule": "High error rate", **changes}


def change(organization: str, sender: str = "Group", action: str = "created", **changes: object) -> JSON:
    """Make a ResourceChange (docs/reference/records.md)."""
    return {
        "action": action,
        "sender": sender,
        "instance_id": "1001",
        "organization": {"id": organization, "slug": "acme"},
        "project_id": "11",
        "instance": {"id": "1001", "title": "KeyError"},
        "actor": None,
        **changes,
    }


def _delete_topics(brokers: str, prefix: str) -> None:
    # Each worker's topics are 40 partitions and more: left where they are, they slow the Kafka of all tests.
    admin = AdminClient({"bootstrap.servers": brokers})
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    if names:
        for future in admin.delete_topics(names, operation_timeout=30).values():
            future.result()
