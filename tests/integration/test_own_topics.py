"""Topics of one's own, which STREAMHOOKS_SOURCES names: all that holds for our own topics holds for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from installation import Hook, Installation, coordinates, event
from support import Worker, api, create_topic, eventually, make_anew
from support.registry import Registry

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "customer", "type": "long"},
        {"name": "status", "type": "string"},
        {"name": "total", "type": "double"},
    ],
}
ORDERS = """
- topic: {prefix}orders
  type: '"order." + value.status'
  organization_id: value.customer
  when: value.status != "draft"
"""
REFUNDS = """
- topic: {prefix}refunds
  type: {type}
  organization_id: value.customer
"""
SCHEMA = 7


@pytest.fixture
def registry() -> Iterator[Registry]:
    one = Registry()
    one.others = {SCHEMA: ORDER}
    yield one
    one.stop()


def write_sources(path: Path, one: Installation, *entries: str, **of_entries: str) -> Path:
    path.write_text("".join(entries).format(prefix=one.prefix, **of_entries))
    return path


def reasons(worker: Worker) -> str:
    return " ".join(api(worker).get("/health/ready").json["reasons"])


def metric(worker: Worker, name: str, topic: str) -> float:
    lines = api(worker).get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f'{name}{{topic="{topic}"'))


def totals(requests: list[dict[str, Any]]) -> list[Any]:
    return sorted(json.loads(request["body"])["total"] for request in requests)


def put(one: Installation, hook: Hook, **fields: Any) -> None:
    assert one.api.put(f"/api/hooks/{hook.id}", fields).status == 200


def explained(one: Installation, source: str) -> dict[str, Any]:
    return one.api.get(f"/api/explain?source={source}").json


def test_avro_records_of_a_registry_reach_the_hooks_that_want_them(install, registry: Registry, tmp_path: Path) -> None:
    one: Installation = install(schema_registry=registry.url, metadata_interval=1)
    topic, file = f"{one.prefix}orders", write_sources(tmp_path / "sources.yaml", one, ORDERS)
    worker = one.add_worker(start=False, sources=file).launch()
    eventually(lambda: f"the topic {topic} of STREAMHOOKS_SOURCES does not exist" in reasons(worker), 60)
    assert topic not in AdminClient({"bootstrap.servers": one.brokers}).list_topics(timeout=30).topics
    create_topic(one.brokers, topic, partitions=2)
    worker.wait_ready()

    def order(customer: int, total: float, status: str = "paid", **options: Any) -> str:
        value = registry.wire(SCHEMA, {"customer": customer, "status": status, "total": total})
        return coordinates(one.produce("orders", str(customer), value, **options))

    large = one.create_hook("42", "order.paid", format="data", filter="message.data.total > 100.0")
    every = one.create_hook("42", "order.*", format="data")
    other = one.create_hook("43", "order.*", format="data")
    order(42, 120)
    low, draft = order(42, 50), order(42, 70, "draft")
    order(43, 7)
    assert totals(every.received(2)) == [50, 120]
    assert totals(large.received()) == [120]
    assert totals(other.received()) == [7]
    # Whoever looks back reads them in the same way.
    found = explained(one, low)
    assert found["record"] == {"type": "order.paid", "organization_id": "42", "project_id": None, "id": None}
    assert {hook["hook_id"]: hook["matched"] for hook in found["hooks"]} == {large.id: False, every.id: True}
    assert explained(one, draft)["skipped"].startswith("skipped by when")
    put(one, large, filter="message.data.total > 10.0")
    replay = f"/api/hooks/{large.id}/replay"
    assert one.api.post(replay, {"from": 0, "topics": [topic], "dry_run": True}).json == {"records": 4, "matches": 2}
    assert one.api.post(replay, {"from": 0}).status == 202
    again = large.received(3)
    assert totals(again) == [50, 120, 120]
    assert len({request["headers"]["webhook-id"] for request in again}) == 2
    # What a hook misses while it is disabled is sent later.
    put(one, other, status="disabled")
    order(43, 8)
    eventually(lambda: one.api.get(f"/api/hooks/{other.id}/missed").json["records"] == 1)
    put(one, other, status="active", resume="all")
    assert totals(other.received(2)) == [7, 8]
    # A record that can't be read is a dead letter, and the next ones go on.
    broken = one.produce("orders", "42", {"customer": 42, "total": 1})
    assert one.dead_letter_at(broken)["reason"] == "when: there is no status: has() tells whether it is there"
    order(42, 11)
    every.received(3)
    assert metric(worker, "streamhooks_left_out_records_total", topic) == 1
    assert metric(worker, "streamhooks_records_total", topic) == 7
    # A new partition is read from its first record.
    admin = AdminClient({"bootstrap.servers": one.brokers})
    for future in admin.create_partitions([NewPartitions(topic, 3)]).values():
        future.result(30)
    order(42, 14, partition=2)
    every.received(4)
    # The log of another topic with this name is read from its start, also if it has fewer partitions.
    make_anew(one.brokers, topic, partitions=2)
    anew = order(42, 12)
    every.received(5)
    assert explained(one, anew)["record"]["organization_id"] == "42"
    assert worker.stop() == 0
    # A worker that comes later goes on where this one ended.
    worker.start()
    order(42, 13)

    def paid() -> list[Any]:
        # What was done just before the stop may not have been committed, so it may be sent twice, with its id.
        return totals([*{request["headers"]["webhook-id"]: request for request in every.requests()}.values()])

    eventually(lambda: paid() == [11, 12, 13, 14, 50, 120])


def test_a_topic_whose_records_all_fail_is_paused_and_goes_on_with_another_file(install, tmp_path: Path) -> None:
    one: Installation = install(partitions=2)
    topic, path = f"{one.prefix}refunds", tmp_path / "sources.yaml"
    create_topic(one.brokers, topic)
    worker = one.add_worker(sources=write_sources(path, one, REFUNDS, type="value.kind"))
    hook = one.create_hook("42", "*", format="data")
    values = [json.dumps({"customer": 42, "total": number}).encode() for number in range(105)]
    one.produce_with("refunds", "42", values)
    eventually(lambda: f"the topic {topic} is paused" in reasons(worker))
    assert metric(worker, "streamhooks_paused_topics", topic) == 1
    (notice,) = eventually(lambda: [json.loads(record.value()) for record in one.records("notices")])
    assert (notice["hook_id"], notice["what"]) == (topic, "topic_paused")
    assert "type: there is no kind" in notice["why"]
    # Only this topic waits.
    one.produce("events", "11", event("42"))
    hook.received()
    assert len(eventually(lambda: one.dead_letters() if len(one.dead_letters()) >= 100 else None)) == 100
    assert worker.stop() == 0
    write_sources(path, one, REFUNDS, type="'\"order.refunded\"'")
    worker.start()
    hook.received(6)
    assert len(one.dead_letters()) == 100
    redriven = one.api.post("/api/dead-letters/redrive", {"reason": "type: there is no kind"})
    assert redriven.json["redriven"] == 100
    assert len({request["headers"]["webhook-id"] for request in hook.received(106)}) == 106
