"""Records in the wire format of a schema registry, which is somebody else's and may be away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO

import fastavro
import pytest
from installation import Installation, coordinates, event, hook_record
from support import eventually
from support.registry import Registry

from streamhooks.records import schemas
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.packing import pack


@pytest.fixture
def registry() -> Iterator[Registry]:
    one = Registry()
    yield one
    one.stop()


def wire(record: Event | Hook, schema_id: int) -> bytes:
    name = type(record).__name__
    body = BytesIO()
    fastavro.schemaless_writer(body, schemas.load().newest[name], pack(name, record.to_fields()))
    return b"\x00" + schema_id.to_bytes(4, "big") + body.getvalue()


def test_events_and_hooks(install, registry: Registry, organization: str) -> None:
    one: Installation = install(schema_registry=registry.url, retry_delay=0.3)
    worker = one.add_worker()
    path, hook_id = one.path(), "ab" * 16
    hook = Hook.from_fields(hook_record(hook_id, organization, url=one.receiver.url(f"{path}?status=500&fail=1")))
    one.produce("hooks", hook_id, wire(hook, 4))
    one.wait_known(hook_id)
    given = event(organization)
    for _ in range(2):
        one.produce("events", "11", wire(Event.from_fields(given), 1))
    eventually(lambda: one.receiver.count(path)["requests"] == 4)
    sent = json.loads(one.receiver.requests(path)[0]["body"])["event"]
    assert {name: sent[name] for name in given} == given
    # Each schema was asked for once.
    assert sorted(registry.asked) == ["/registry/schemas/ids/1", "/registry/schemas/ids/4"]
    # Whoever looks back asks the registry, too.
    last = one.records("events")[-1]
    explained = one.api.get(f"/api/explain?source=events:{last.partition()}:{last.offset()}").json
    assert [hook["matched"] for hook in explained["hooks"]] == [True]
    replay = one.api.post(f"/api/hooks/{hook_id}/replay", {"from": 0, "dry_run": True})
    assert replay.json["matches"] == 2
    # What it does not know is broken, and the partition goes on.
    written = one.produce("events", "11", wire(Event.from_fields(given), 99))
    assert "no schemas/ids/99" in one.dead_letter_at(written)["reason"]
    # Nor do a few bytes stop it by what their schema makes of them.
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    nulls = {"type": "array", "items": "null"}
    registry.others = {
        schema_id: {"type": "record", "name": "Event", "fields": [{"name": "extra", "type": kind}]}
        for schema_id, kind in ((11, node), (12, nulls))
    }
    deep = one.produce("events", "11", b"\x00\x00\x00\x00\x0b" + b"\x02" * 500_000)
    wide = one.produce("events", "11", b"\x00\x00\x00\x00\x0c" + b"\xfe" + b"\xff" * 7 + b"\x7f")
    assert "contains itself" in one.dead_letter_at(deep)["reason"]
    assert "too few bytes" in one.dead_letter_at(wide)["reason"]
    one.produce("events", "11", event(organization))
    eventually(lambda: one.receiver.count(path)["ids"] == 3)
    # After a restart the hook is read with the registry's help again.
    assert worker.stop() == 0
    worker.start()
    assert one.api.get(f"/api/hooks/{hook_id}").status == 200


def test_one_that_is_away_costs_time_only(install, registry: Registry, organization: str) -> None:
    one: Installation = install(schema_registry=registry.url)
    one.add_worker()
    hook = one.create_hook(organization)
    registry.is_away = True
    written = one.produce("events", "11", wire(Event.from_fields(event(organization)), 1))
    reasons = eventually(lambda: one.api.get("/health/ready").json["reasons"])
    assert any("schema registry" in reason for reason in reasons)
    assert hook.requests() == []
    registry.is_away = False
    hook.received()
    eventually(lambda: one.api.get("/health/ready").status == 200)
    assert one.dead_letters(lambda letter: letter["source"] == coordinates(written)) == []
