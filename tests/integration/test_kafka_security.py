"""A worker on a Kafka that wants a name and a password, and allows what docs/running.md names and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from installation import event, hook_record
from support import Receiver, Worker, api, eventually, produce

from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.ports import free_port

JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'user_worker="worker-secret" user_producer="producer-secret";'
)
# As docs/running.md has them: what lies behind the prefix.
OF_WORKERS = [
    (ResourceType.TOPIC, "", AclOperation.READ),
    (ResourceType.TOPIC, "", AclOperation.WRITE),
    (ResourceType.TOPIC, "", AclOperation.CREATE),
    (ResourceType.TOPIC, "", AclOperation.DESCRIBE_CONFIGS),
    (ResourceType.GROUP, "", AclOperation.READ),
]
OF_PRODUCERS = [
    (ResourceType.TOPIC, name, AclOperation.WRITE) for name in ("events", "alerts", "resource-changes", "resources")
]


def test_sasl_and_acls(tmp_path: Path, prefix: str, receiver: Receiver) -> None:
    plain, controller, sasl = free_port(), free_port(), free_port()
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": JAAS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the test itself
    }
    known = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_username": "worker"}
    with EmbeddedKafka.start(port=plain, settings=settings) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.brokers})
        allow(admin, prefix, "worker", OF_WORKERS)
        allow(admin, prefix, "producer", OF_PRODUCERS)
        producer = Producer(
            {
                "bootstrap.servers": f"127.0.0.1:{sasl}",
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "producer",
                "sasl.password": "producer-secret",
            }
        )
        worker = Worker(f"127.0.0.1:{sasl}", prefix, tmp_path / "worker", sasl_password="worker-secret", **known)
        try:
            worker.start()
            # What is read, written and committed: hooks and their states, events, delayed, firings, dead letters.
            produce(kafka.brokers, f"{prefix}hooks", "b" * 32, b"{")
            hook_id = "a" * 32
            record = hook_record(hook_id, "1", url=receiver.url("/sasl"))
            receiver.behave("/sasl", status=400)
            produce(kafka.brokers, f"{prefix}hooks", hook_id, record)
            eventually(lambda: api(worker).get(f"/api/hooks/{hook_id}").status == 200)
            written(producer, f"{prefix}events", event("1"))
            eventually(lambda: len(receiver.requests("/sasl")) == 1)
            eventually(lambda: api(worker).get(f"/api/hooks/{hook_id}/requests").json)
            eventually(lambda: len(api(worker).get("/api/dead-letters").json["dead_letters"]) == 2)
            receiver.behave("/sasl")
            answer = api(worker).post("/api/dead-letters/redrive", {"hook_id": hook_id})
            assert (answer.status, answer.json) == (202, {"redriven": 1, "skipped": 0})
            eventually(lambda: len(receiver.requests("/sasl")) == 2)
            assert api(worker).get("/health/ready").json == {"ready": True, "reasons": []}
            with pytest.raises(KafkaException):
                written(producer, f"{prefix}hooks", event("1"))
            # Its offsets are committed: it goes on where it was.
            assert worker.stop() == 0
            worker.start()
            written(producer, f"{prefix}events", event("1"))
            eventually(lambda: len(receiver.requests("/sasl")) == 3)
            assert api(worker).delete(f"/api/hooks/{hook_id}").status == 204
            assert worker.stop() == 0
            assert "uthorization" not in worker.log.read_text()
        except BaseException:
            print(worker.tail())
            raise
        finally:
            worker.kill()


def allow(admin: AdminClient, prefix: str, user: str, rules: list[tuple[ResourceType, str, AclOperation]]) -> None:
    bindings = []
    for kind, name, operation in rules:
        pattern = ResourcePatternType.LITERAL if name else ResourcePatternType.PREFIXED
        who = (f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        bindings.append(AclBinding(kind, prefix + name, pattern, *who))
    for future in admin.create_acls(bindings).values():
        future.result()


def written(producer: Producer, topic: str, value: object) -> None:
    """Write a record and wait for the confirmation; raise KafkaException if it is refused."""
    refused = []
    producer.produce(topic, json.dumps(value), "11", on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(30) == 0
    if refused[0]:
        raise KafkaException(refused[0])
