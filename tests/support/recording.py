"""Topics that a previous version wrote, kept as a file and written again: see tests/recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from support.topics import create_topic

DAY_MS = 86_400_000
_COMPACTED = ("resources", "hooks", "hook-states", "delayed")


@dataclass(frozen=True)
class Recording:
    """The facts of a story, and its records in the order of each partition."""

    known: dict[str, Any]
    records: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Recording:
        known, *records = map(json.loads, path.read_text().splitlines())
        return cls(known, records)

    @property
    def prefix(self) -> str:
        return self.known["prefix"]

    def write(self, brokers: str, receiver: str, now_ms: int) -> None:
        """Create the topics, write the records to the same partitions and offsets, and repeat the commits.

        receiver -- `host:port` in place of that of the story. What counts by the time of day is moved by whole days
        up to `now_ms`, since windows are forgotten; all else keeps its time, from which the ids of webhooks follow.
        """
        shift = (now_ms - self.known["ended"] * 1000) // DAY_MS * DAY_MS
        for name, partitions in self.known["partitions"].items():
            compacted = name in _COMPACTED or name.endswith("-changelog")
            config = {"cleanup_policy": "compact"} if compacted else {"retention_ms": -1}
            create_topic(brokers, self.prefix + name, partitions, **config)
        places = (self.known["receiver"].encode(), receiver.encode())
        refused: list[object] = []
        producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
        for record in self.records:
            key, value, timestamp = _moved(record, shift)
            producer.produce(
                self.prefix + record["topic"],
                value.replace(*places) if value else value,
                key,
                partition=record["partition"],
                timestamp=timestamp,
                headers=[(name, text) for name, text in record.get("headers", ())],
                on_delivery=lambda error, _: refused.append(error) if error else None,
            )
        assert producer.flush(30) == 0
        assert not refused, refused
        self._commit(brokers)

    def _commit(self, brokers: str) -> None:
        for group, topics in self.known["groups"].items():
            offsets = [
                TopicPartition(self.prefix + topic, int(partition), offset)
                for topic, partitions in topics.items()
                for partition, offset in partitions.items()
            ]
            consumer = Consumer({"bootstrap.servers": brokers, "group.id": group})
            for confirmed in consumer.commit(offsets=offsets, asynchronous=False):
                assert confirmed.error is None, confirmed
            consumer.close()


def _bytes(record: Mapping[str, Any], name: str) -> bytes | None:
    if f"{name}64" in record:
        return base64.b64decode(record[f"{name}64"])
    return record[name].encode() if name in record else None


def _moved(record: Mapping[str, Any], shift: int) -> tuple[bytes | None, bytes | None, int]:
    """Return key, value and timestamp (epoch milliseconds) of a record, moved in time where it must be."""
    key, value, timestamp = _bytes(record, "key"), _bytes(record, "value"), record["timestamp"]
    if record["topic"] == "firings":
        firing = json.loads(record["value"])
        for attempt in firing["attempts"]:
            attempt["at"] += shift
        return key, json.dumps(firing).encode(), timestamp + shift
    if record["topic"].endswith("-changelog"):
        hook, window = json.loads(record["key"])
        moved = [hook, [at + shift // 1000 for at in window]]
        return json.dumps(moved, separators=(",", ":")).encode(), value, timestamp + shift
    if record["topic"] == "hooks" and value:
        hook = json.loads(value)
        if hook.get("previous_secret_until"):
            hook["previous_secret_until"] += shift // 1000
            return key, json.dumps(hook).encode(), timestamp
    return key, value, timestamp
