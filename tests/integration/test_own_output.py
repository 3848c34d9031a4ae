"""What a worker can't write for a while, and what fails in itself: nothing is stuck, lost, or told to be well."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType
from installation import Installation, event
from support import Worker, api, eventually

OLDEST_TIMESTAMP = "message.timestamp.before.max.ms"
UNSETTLED = "streamhooks_unsettled_records 0.0"


def configure(one: Installation, name: str, op: AlterConfigOpType, value: str = "") -> None:
    """Set how old the timestamps of a topic's records may be, or take that back."""
    entry = ConfigEntry(OLDEST_TIMESTAMP, value, incremental_operation=op)
    resource = ConfigResource(ResourceType.TOPIC, one.prefix + name, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": one.brokers})
    admin.incremental_alter_configs([resource])[resource].result(10)


def reasons(worker: Worker) -> str:
    """Why it is not ready."""
    return " ".join(api(worker).get("/health/ready").json["reasons"])


def metrics(worker: Worker) -> str:
    return api(worker).get("/metrics").body.decode()


def test_what_topics_refuse_for_a_while_is_written_in_the_end(
    install: Callable[..., Installation], organization: str
) -> None:
    one = install(retry_delay=1, breaker="false")
    worker = one.add_worker()
    rejecting = one.create_hook(organization, behaviour="status=404")
    failing = one.create_hook(organization, behaviour="status=500&fail=1")
    slow = one.create_hook(organization, behaviour="delay=2")
    refusing = ("dead-letters", "delayed")
    for name in refusing:
        configure(one, name, AlterConfigOpType.SET, "0")  # whatever comes is older
    configure(one, "firings", AlterConfigOpType.SET, "1000")  # so a request that takes 2 s has begun too early
    for _ in range(5):
        one.produce("events", "11", event(organization))
    for name in refusing:
        eventually(lambda name=name: f"refuses records on {one.prefix}{name}" in reasons(worker))
        assert f'streamhooks_refused_writes_total{{topic="{one.prefix}{name}"}}' in metrics(worker)
    assert UNSETTLED not in metrics(worker)
    assert slow.received(5)
    assert len(failing.requests()) == 5
    for name in refusing:
        configure(one, name, AlterConfigOpType.DELETE)
    eventually(lambda: api(worker).get("/health/ready").status == 200, 60)
    assert len(one.dead_letters(lambda letter: letter["hook_id"] == rejecting.id)) == 5
    failing.received(10)
    eventually(lambda: UNSETTLED in metrics(worker))
    eventually(lambda: one.pending(failing) == [])
    for hook, counts in ((rejecting, (5, 0, 5)), (failing, (10, 5, 5)), (slow, (5, 5, 0))):
        eventually(lambda hook=hook, counts=counts: one.totals(hook) == counts)
    for name in refusing:
        lines = [line for line in worker.log.read_text().splitlines() if f"records on {one.prefix}{name}" in line]
        assert ["will be tried again" in line for line in lines] == [True, False]
    assert f"records on {one.prefix}firings" not in worker.log.read_text()

    # A worker that is stopped meanwhile ends in order, and the next one writes it.
    configure(one, "dead-letters", AlterConfigOpType.SET, "0")
    one.produce("events", "11", event(organization))
    eventually(lambda: f"refuses records on {one.prefix}dead-letters" in reasons(worker))
    assert worker.stop() == 0
    configure(one, "dead-letters", AlterConfigOpType.DELETE)
    worker.start()
    eventually(lambda: len(one.dead_letters(lambda letter: letter["hook_id"] == rejecting.id)) == 6)
    eventually(lambda: one.totals(rejecting) == (6, 0, 6))


def test_a_topic_that_is_missing_for_a_while(install: Callable[..., Installation], organization: str) -> None:
    one = install()
    worker = one.add_worker()
    one.create_hook(organization, behaviour="status=404")
    admin, topic = AdminClient({"bootstrap.servers": one.brokers}), f"{one.prefix}dead-letters"
    one.produce("events", "11", event(organization))
    eventually(lambda: len(one.dead_letters()) == 1)
    admin.delete_topics([topic])[topic].result(10)

    def is_told() -> bool:
        # Again and again: Kafka may still confirm a record just after it has said that the topic is deleted.
        one.produce("events", "11", event(organization))
        return "has not confirmed records" in reasons(worker) or topic in reasons(worker)

    eventually(is_told, interval=1.0)
    eventually(lambda: float(metric(worker, "streamhooks_oldest_unconfirmed_seconds")) > 10)
    eventually(lambda: admin.create_topics([NewTopic(topic, 8)])[topic].result(10) is None)
    eventually(lambda: api(worker).get("/health/ready").status == 200)
    assert one.dead_letters()
    assert float(metric(worker, "streamhooks_oldest_unconfirmed_seconds")) < 10
    assert worker.stop() == 0


def metric(worker: Worker, name: str) -> str:
    return next(line.split()[-1] for line in metrics(worker).splitlines() if line.startswith(f"{name} "))


def test_defects_of_a_worker(install: Callable[..., Installation], organization: str) -> None:
    one = install(retry_delay=1, breaker="false", task_modules="tests.integration.injected")
    worker = one.add_worker()
    failing = one.create_hook(organization, behaviour="status=500&fail=1")

    # A reader that fails is restarted, and until then the worker is not ready.
    (worker.data_dir / "reader").touch()
    eventually(lambda: "the reader of hooks has failed" in reasons(worker))
    (worker.data_dir / "reader").unlink()
    eventually(lambda: api(worker).get("/health/ready").status == 200)
    well = one.create_hook(organization)

    # A run that fails is run again.
    (worker.data_dir / "store").touch()
    one.produce("events", "11", event(organization))
    eventually(lambda: "injected: store" in worker.log.read_text())
    (worker.data_dir / "store").unlink()
    failing.received(2)
    eventually(lambda: UNSETTLED in metrics(worker))
    eventually(lambda: one.totals(failing)[1] == 1)

    # A producer that is dead ends the worker, and nothing counts as written: it says so of the first firing.
    (worker.data_dir / "producer").touch()
    one.produce("events", "11", event(organization))
    assert worker.wait() == 1
    assert "the worker ends, since a part of it can't go on: the producer" in worker.log.read_text()
    (worker.data_dir / "producer").unlink()
    worker.start()
    well.received(2)
    eventually(lambda: (one.totals(well), one.totals(failing)[1]) == ((2, 2, 0), 2))

    # So does anything else in the background.
    (worker.data_dir / "background").touch()
    assert worker.wait() == 1
    assert "the worker ends, since a part of it can't go on: seals: RuntimeError: inj" in worker.log.read_text()
