"""Records as other programs write them: Avro in single-object encoding, and each compression that Kafka has."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer
from installation import Installation, alert, change, event

from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.formats import encode_avro
from streamhooks.records.hook import Hook

SETTINGS = {"retry_delay": 0.3}


def test_an_event_in_avro(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    given = event(organization)
    installation.produce("events", "11", encode_avro(Event.from_fields(given)))
    (request,) = hook.received()
    sent = json.loads(request["body"])["event"]
    assert {name: sent[name] for name in given} == given


def test_an_event_in_avro_survives_a_retry(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="status=500&fail=1")
    installation.produce("events", "11", encode_avro(Event.from_fields(event(organization))))
    first, second = hook.received(2)
    assert first["body"] == second["body"]


def test_an_alert_in_avro(installation: Installation, organization: str) -> None:
    service = installation.create_hook(organization, "event.alert")
    app = installation.create_hook(organization, "event_alert", app_id="pager")
    extra = {"additional_payload_key": "issue_alert", "additional_payload": {"id": 7, "on": [True, None, 1.5]}}
    given = alert(organization, app_id="pager", **extra)
    installation.produce("alerts", "11", encode_avro(Alert.from_fields(given)))
    (request,) = service.received()
    assert json.loads(request["body"])["event"]["event_id"] == given["event"]["event_id"]
    (request,) = app.received()
    data = json.loads(request["body"])["data"]
    assert data["triggered_rule"] == given["rule"]
    assert data["issue_alert"] == extra["additional_payload"]


def test_a_change_in_avro(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "issue", app_id="pager")
    given = change(organization, actor={"type": "user", "id": "21", "name": "Ada"})
    installation.produce("resource-changes", "Group:1001", encode_avro(ResourceChange.from_fields(given)))
    (request,) = hook.received()
    body = json.loads(request["body"])
    assert body["data"] == {"issue": given["instance"]}
    assert body["actor"] == given["actor"]


def test_a_hook_in_avro(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(f"{organization}-model")
    wish = {"id": "ab" * 16, "organization_id": organization, "url": installation.receiver.url(hook.path)}
    known = Hook.from_fields({**wish, "events": ["event.created"], "secret": "a secret of sixteen"})
    written = installation.produce("hooks", known.id, encode_avro(known))
    installation.wait_known(known.id)
    assert written.partition() == 0
    installation.produce("events", "11", event(organization))
    (request,) = hook.received()
    assert request["headers"]["x-servicehook-guid"] == known.id


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_each_compression(installation: Installation, organization: str, compression: str) -> None:
    service = installation.create_hook(organization, "event.created", "event.alert")
    app = installation.create_hook(organization, "issue", app_id="pager")
    # Producers of their own size: many records in one compressed batch.
    config = {"compression_type": compression, "linger_ms": 200}
    events = [json.dumps(event(organization, data={"text": "again and " * 100})).encode() for _ in range(50)]
    installation.produce_with("events", "11", events, **config)
    installation.produce_with("alerts", "11", [json.dumps(alert(organization)).encode()], **config)
    installation.produce_with("resource-changes", "Group:1", [json.dumps(change(organization)).encode()], **config)
    assert len({request["id"] for request in service.received(51)}) == 51
    app.received()


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_each_compression_of_what_is_read_whole(
    installation: Installation, organization: str, compression: str
) -> None:
    hook = installation.create_hook(organization, "issue", app_id="pager")
    resource = {"id": organization, "text": "again and " * 500}
    key = f"Group:{organization}"
    installation.produce_with("resources", key, [json.dumps(resource).encode()], compression_type=compression)
    installation.produce("resource-changes", key, change(organization, instance_id=organization, instance=None))
    (request,) = hook.received()
    assert json.loads(request["body"])["data"] == {"issue": resource}


def test_what_a_transaction_took_back_has_not_happened(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    producer = Producer({"bootstrap.servers": installation.brokers, "transactional.id": organization})
    producer.init_transactions(30)
    fired = []
    for kept in (False, True, False, True):
        given = event(organization)
        producer.begin_transaction()
        producer.produce(f"{installation.prefix}events", json.dumps(given), "11")
        producer.flush(30)
        producer.commit_transaction(30) if kept else producer.abort_transaction(30)
        fired += [given["event_id"]] * kept
    last = event(organization)
    installation.produce("events", "11", last)
    hook.received(3)
    sent = [json.loads(request["body"])["event"]["event_id"] for request in hook.requests()]
    assert sorted(sent) == sorted([*fired, last["event_id"]])
    assert "were not handed over" not in installation.worker.log.read_text()
