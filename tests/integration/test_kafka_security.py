"""A worker on a Kafka that wants a name and a password: every client of it, Faust's as well as our own."""

from __future__ import annotations

from pathlib import Path

from installation import event, hook_record
from support import Receiver, Worker, api, eventually, produce

from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.ports import free_port

JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_worker="worker-secret";'


def test_sasl(tmp_path: Path, prefix: str, receiver: Receiver) -> None:
    plain, controller, sasl = free_port(), free_port(), free_port()
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": JAAS,
    }
    known = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_username": "worker"}
    with EmbeddedKafka.start(port=plain, settings=settings) as kafka:
        worker = Worker(f"127.0.0.1:{sasl}", prefix, tmp_path / "worker", sasl_password="worker-secret", **known)
        try:
            worker.start()
            hook_id = "a" * 32
            record = hook_record(hook_id, "1", url=receiver.url("/sasl"))
            produce(kafka.brokers, f"{prefix}hooks", hook_id, record)
            eventually(lambda: api(worker).get(f"/api/hooks/{hook_id}").status == 200)
            produce(kafka.brokers, f"{prefix}events", "11", event("1"))
            eventually(lambda: len(receiver.requests("/sasl")) == 1)
            eventually(lambda: api(worker).get(f"/api/hooks/{hook_id}/requests").json)
            assert worker.stop() == 0
        except BaseException:
            print(worker.tail())
            raise
        finally:
            worker.kill()
