"""A worker on a Kafka that wants TLS, a name and a password, and allows what docs/running.md names and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
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
from support import Receiver, Worker, api, create_topic, eventually, produce
from support.certificates import make_certificates

from streamhooks.cli import main
from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.ports import free_port

JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'user_worker="worker-secret" user_producer="producer-secret";'
)
WORKER = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "worker",
    "sasl_password": "worker-secret",
}
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


@dataclass(frozen=True)
class Secured:
    """A Kafka with two doors: `brokers` allows all, `sasl` wants TLS and a password, and looks at ACLs."""

    brokers: str
    sasl: str
    ca: Path

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.brokers})


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    tls = make_certificates(folder)
    store = folder / "store.pem"
    store.write_text(tls.key.read_text() + tls.cert.read_text())
    plain, controller, sasl = free_port(), free_port(), free_port()
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": JAAS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the test itself
    }
    with EmbeddedKafka.start(port=plain, settings=settings) as kafka:
        yield Secured(kafka.brokers, f"127.0.0.1:{sasl}", tls.ca)


def test_sasl_and_acls(secured: Secured, tmp_path: Path, prefix: str, receiver: Receiver) -> None:
    allow(secured.admin, prefix, "worker", OF_WORKERS)
    allow(secured.admin, prefix, "producer", OF_PRODUCERS)
    producer = Producer(
        {
            "bootstrap.servers": secured.sasl,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(secured.ca),
            "sasl.mechanism": "PLAIN",
            "sasl.username": "producer",
            "sasl.password": "producer-secret",
        }
    )
    worker = Worker(secured.sasl, prefix, tmp_path / "worker", tls_ca=secured.ca, **WORKER)
    try:
        worker.start()
        # What is read, written and committed: hooks and their states, events, delayed, firings, dead letters.
        produce(secured.brokers, f"{prefix}hooks", "b" * 32, b"{")
        hook_id = "a" * 32
        record = hook_record(hook_id, "1", url=receiver.url("/sasl"))
        receiver.behave("/sasl", status=400)
        produce(secured.brokers, f"{prefix}hooks", hook_id, record)
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


def test_topics_that_somebody_else_creates(secured: Secured, tmp_path: Path, prefix: str) -> None:
    allow(secured.admin, prefix, "worker", [rule for rule in OF_WORKERS if rule[2] != AclOperation.CREATE])
    settings = {"brokers": secured.sasl, "topic_prefix": prefix, "tls_ca": str(secured.ca), **WORKER}

    def topics(*arguments: str, **changes: str | None) -> Result:
        known = {f"STREAMHOOKS_{name.upper()}": one for name, one in (settings | changes).items()}
        return CliRunner().invoke(main, ["topics", *arguments], env=known)

    assert "certificate verify failed" in topics("check", "--wait", "1", tls_ca=None).stderr
    assert "Invalid username or password" in topics("check", "--wait", "1", sasl_password="wrong").stderr
    plain = topics("check", "--wait", "1", security_protocol="PLAINTEXT").stderr
    assert "STREAMHOOKS_SECURITY_PROTOCOL=PLAINTEXT" in plain

    worker = Worker(secured.sasl, prefix, tmp_path / "worker", tls_ca=secured.ca, **WORKER)
    try:
        assert worker.launch().wait(60) == 1
        (line,) = [line for line in worker.log.read_text().splitlines() if "streamhooks: " in line]
        assert line.endswith(topics("create").stderr.removeprefix("Error: ").strip())
        wanted = json.loads(topics("commands", "--json").stdout)
        assert all(one["topic"] in line for one in wanted)
        assert "`streamhooks topics commands`" in line

        for one in wanted:
            create_topic(secured.brokers, one["topic"], one["partitions"], one["replication"], **one["config"])
        eventually(lambda: topics("check").exit_code == 0)  # a broker learns of them a moment later
        worker.start()
        assert "needs compact" not in worker.log.read_text()
        assert worker.stop() == 0
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
