"""How `0.1.0.jsonl` was made: a worker of version 0.1.0 (commit 3d9de4a) runs a small story, and its topics are kept.

It needs that version installed, and its tests' helpers (`git worktree add ../former 3d9de4a`, `make setup` there):

    PYTHONPATH=tests:tests/integration .venv/bin/python <here>/record_0_1_0.py <here>/0.1.0.jsonl

The first line holds what is to be known of the story, each further line a record: see `support.recording`. All secrets
and keys in it were made for it.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient
from installation import Hook, Installation, alert, change, event
from support import Receiver, consume_all, eventually

from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.kafka.topics import NAMES
from streamhooks.records.event import Event
from streamhooks.records.formats import encode_avro
from streamhooks.records.ids import webhook_id

VERSION, PREFIX, ORGANIZATION = "0.1.0", "written-by-0-1-0.", "acme"
KEYS = ("NI_krYKJaBH2xGtUqQBDy1QjRRmLhw34SyodF5tUj1c=", "41lGWuWb3r-zx9-iiAe-9modK1yOGgz9Kd877KWpztk=")
SETTINGS = {
    "partitions": 4,
    "retry_delay": 86400,
    "secret_keys": ",".join(KEYS),
    "secret_overlap": 7 * 86400,
}


class Story:
    """What happens, and what is to be known of it later."""

    def __init__(self, one: Installation) -> None:
        self.one, self.hooks, self.secrets = one, {}, {}

    def make(self, name: str, *events: str, **fields: Any) -> Hook:
        hook = self.one.create_hook(ORGANIZATION, *events, **fields)
        self.hooks[name], self.secrets[name] = hook, [hook.secret]
        return hook

    def write(self, name: str, **fields: Any) -> Hook:
        """Write a hook to the topic, as a GitOps does."""
        path = self.one.path()
        secret = f"the secret of {name}, in clear"
        fields = {"url": self.one.receiver.url(path), "secret": secret, **fields}
        self.hooks[name] = Hook(self.one.write_hook(ORGANIZATION, **fields), secret, path, self.one.receiver)
        self.secrets[name] = [secret]
        return self.hooks[name]

    def put(self, name: str, **fields: Any) -> None:
        path = f"/api/hooks/{self.hooks[name].id}"
        assert self.one.api.put(path, fields).status == 200
        if "status" in fields:
            eventually(lambda: self.one.api.get(path).json["status"] == fields["status"])

    def is_disabled(self, name: str) -> bool:
        return self.one.api.get(f"/api/hooks/{self.hooks[name].id}").json["status"] == "disabled"


def play(one: Installation) -> dict[str, Any]:
    story = Story(one)
    one.add_worker()
    story.make("service", headers={"X-Team": "shop", "Authorization": "Bearer of-the-receiver"}, project_ids=["11"])
    story.secrets["service"].append(
        one.api.post(f"/api/hooks/{story.hooks['service'].id}/rotate-secret").json["secret"]
    )
    story.make("app", "issue", "event_alert", app_id="billing", secret="a secret of the caller's own")
    story.make("informed", "hook.disabled", app_id="watch")
    story.make("off", "event.created", "event.alert", project_ids=["11"])
    for name, status in (("gone", 410), ("failing", 500), ("refused", 404)):
        story.make(name, project_ids=["11"], retry_schedule=[30, 7200] if name == "failing" else None)
        one.receiver.behave(story.hooks[name].path, status=status)
    story.write("gitops", events=["event.alert"], rate_limit=100, timeout=3, max_in_flight=7)
    story.write("deleted")
    assert one.api.delete(f"/api/hooks/{story.hooks['deleted'].id}").status == 204
    deleted = story.hooks.pop("deleted")

    written = [one.produce("events", f"11-{number}", event(ORGANIZATION), partition=number % 4) for number in range(8)]
    avro = encode_avro(Event.from_fields(event(ORGANIZATION, event_id="a" * 32)))
    written.append(one.produce("events", "11", avro))
    story.hooks["service"].received(len(written))
    eventually(lambda: story.is_disabled("gone"))
    story.hooks["informed"].received(1)
    eventually(lambda: len(one.pending(story.hooks["failing"])) == len(written))
    eventually(lambda: len(one.dead_letters(lambda letter: letter["hook_id"] == story.hooks["refused"].id)) == 9)
    one.produce("events", "11", b"no JSON", partition=2)
    eventually(lambda: one.dead_letters(lambda letter: letter["raw"]))

    story.put("off", status="disabled")
    missed = [one.produce("events", f"11-{number}", event(ORGANIZATION), partition=number % 4) for number in range(6)]
    missed.append(
        one.produce(
            "alerts",
            "11",
            alert(ORGANIZATION, app_id="billing", additional_payload_key="why", additional_payload={"level": 3}),
        )
    )
    one.produce("resources", "Group:1002", {"id": "1002", "title": "of the topic resources"})
    one.produce("resource-changes", "Group:1001", change(ORGANIZATION))
    one.produce("resource-changes", "Group:1002", change(ORGANIZATION, instance_id="1002", instance=None))
    story.hooks["app"].received(3)
    story.hooks["gitops"].received(1)
    story.hooks["service"].received(len(written) + 6)
    off = story.hooks["off"].id
    eventually(lambda: one.api.get(f"/api/hooks/{off}/missed").json["records"] >= len(missed))
    eventually(lambda: len(one.pending(story.hooks["failing"])) == len(written) + 6)

    totals = {"service": (15, 15, 0), "failing": (15, 0, 15), "refused": (15, 0, 15), "app": (3, 3, 0)}
    for name, expected in totals.items():
        eventually(lambda name=name, expected=expected: one.totals(story.hooks[name]) == expected)
    known = {
        "version": VERSION,
        "prefix": PREFIX,
        "organization": ORGANIZATION,
        "receiver": one.receiver.base.removeprefix("http://"),
        "secret_keys": KEYS,
        "hooks": {name: {"id": hook.id, "path": hook.path} for name, hook in story.hooks.items()},
        "deleted": deleted.id,
        "secrets": story.secrets,
        "shown": one.api.get("/api/hooks").json["hooks"],
        "totals": totals,
        "pending": [call["webhook_id"] for call in one.pending(story.hooks["failing"])],
        "dead_letters": [
            {name: letter[name] for name in ("letter", "hook_id", "reason", "source")}
            for letter in one.api.get("/api/dead-letters").json["dead_letters"]
        ],
        "missed": [
            webhook_id(record.topic(), record.partition(), record.offset(), record.timestamp()[1], off)
            for record in missed
        ],
        "delivered": sorted({one["id"] for one in one.receiver.requests()}),
        "latest": one.latest(story.hooks["service"]),
    }
    assert one.worker.stop() == 0
    # What came while the fleet was stopped.
    late = [one.produce("events", "11", event(ORGANIZATION)) for _ in range(3)]
    service = story.hooks["service"].id
    known["late"] = [
        webhook_id(record.topic(), record.partition(), record.offset(), record.timestamp()[1], service)
        for record in late
    ]
    return known


def committed(brokers: str) -> dict[str, dict[str, dict[int, int]]]:
    """Return the committed offsets of the groups of the story: by group, topic and partition."""
    admin = AdminClient({"bootstrap.servers": brokers})
    names = [group.group_id for group in admin.list_consumer_groups().result().valid]
    found: dict[str, dict[str, dict[int, int]]] = {}
    for name in sorted(name for name in names if name.startswith(PREFIX)):
        answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name].result()
        for tp in answer.topic_partitions:
            found.setdefault(name, {}).setdefault(tp.topic.removeprefix(PREFIX), {})[tp.partition] = tp.offset
    return found


def as_text(name: str, data: bytes | None) -> dict[str, str]:
    """Return bytes under a name as text, or as base64 under `<name>64`."""
    if data is None:
        return {}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}64": base64.b64encode(data).decode()}


def lines_of(brokers: str, topic: str) -> Iterator[dict[str, Any]]:
    expected: dict[int, int] = {}
    for record in consume_all(brokers, PREFIX + topic):
        # Nothing was compacted yet: written again one after the other, they get the same offsets.
        assert record.offset() == expected.get(record.partition(), 0), f"{topic}: an offset is missing"
        expected[record.partition()] = record.offset() + 1
        yield {
            "topic": topic,
            "partition": record.partition(),
            "timestamp": record.timestamp()[1],
            **as_text("key", record.key()),
            **as_text("value", record.value()),
            **({"headers": [[name, value.decode()] for name, value in record.headers()]} if record.headers() else {}),
        }


def main(target: Path) -> None:
    assert version("streamhooks") == VERSION, "install streamhooks 0.1.0"
    receiver = Receiver()
    with tempfile.TemporaryDirectory() as folder, EmbeddedKafka.start() as kafka:
        one = Installation(kafka.brokers, Path(folder), receiver, **SETTINGS)
        one.prefix = PREFIX
        try:
            known = play(one)
            found = AdminClient({"bootstrap.servers": kafka.brokers}).list_topics(timeout=30).topics
            known["partitions"] = {name: len(found[PREFIX + name].partitions) for name in NAMES.values()}
            known["groups"] = committed(kafka.brokers)
            known["ended"] = int(time.time())
            lines = [known, *(line for name in NAMES.values() for line in lines_of(kafka.brokers, name))]
            text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
            target.write_text(text)
        finally:
            one.end(show_logs=sys.exc_info()[0] is not None)
            receiver.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
