"""A source that is added in a rolling deploy, and removed again: nothing stops, and nothing is lost.

Meanwhile the members of the group subscribe to different topics.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installation import Hook, Installation, event
from support import Worker, api, create_topic, eventually

#: of all topics, so that Faust's assignor puts the new one together with the others as soon as all know it
PARTITIONS = 4


class Refunds:
    """The topic that comes and goes, and what was written to it."""

    def __init__(self, one: Installation, path: Path) -> None:
        self.topic, self.file, self.written = f"{one.prefix}refunds", path / "sources.yaml", 0
        self._one = one
        create_topic(one.brokers, self.topic, partitions=PARTITIONS)
        entry = {"topic": self.topic, "type": '"order.refunded"', "organization_id": "value.customer"}
        self.file.write_text(json.dumps([entry]))

    def write(self) -> None:
        """Write a record to each partition."""
        for partition in range(PARTITIONS):
            self._one.produce("refunds", "42", {"customer": 42, "number": self.written}, partition=partition)
            self.written += 1

    def reach(self, hook: Hook) -> None:
        """Wait until a hook got all of them, each once."""
        eventually(lambda: len(accepted(hook)) >= self.written)
        assert accepted(hook) == list(range(self.written))


def accepted(hook: Hook) -> list[int]:
    return sorted(json.loads(one["body"])["number"] for one in hook.requests() if one["status"] == 200)


def taken_up(worker: Worker, topic: str) -> float:
    """Return how many records of a topic a worker has taken up since it was started."""
    lines = api(worker).get("/metrics").body.decode().splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith(f'streamhooks_records_total{{topic="{topic}"')
    )


@contextmanager
def load(one: Installation, organization: str) -> Iterator[list[int]]:
    """Write some 200 events a second until the end of the block; yield how many, at the end."""
    written, stopping = [0], threading.Event()

    def write() -> None:
        while not stopping.wait(0.1):
            values = [json.dumps(event(organization)).encode() for _ in range(20)]
            one.produce_with("events", "11", values, partitioner="random")
            written[0] += 20

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield written
    finally:
        stopping.set()
        writer.join()


def test_a_source_comes_and_goes_in_rolling_deploys_and_nothing_is_lost(
    install, tmp_path: Path, organization: str
) -> None:
    one: Installation = install(partitions=PARTITIONS, retry_delay=1, max_retries=1000, breaker=False)
    workers = [one.add_worker(start=False) for _ in range(3)]
    for worker in workers:
        worker.launch()
    for worker in workers:
        worker.wait_ready()
    refunds = Refunds(one, tmp_path)
    events = one.create_hook(organization)
    refunded, failing = (one.create_hook("42", "order.*", format="data") for _ in range(2))
    # Each worker owns some of these.
    missing = [one.create_hook("42", "order.*", format="data", status="disabled") for _ in range(6)]

    def deploy(worker: Worker, file: Path | None) -> None:
        assert worker.stop() == 0
        worker.set(sources=file)
        worker.start()

    def goes_on() -> None:
        before = written[0]
        eventually(lambda: one.receiver.count(events.path)["ids"] > before)

    refunds.write()  # before any worker knows the topic
    with load(one, organization) as written:
        for known, worker in enumerate(workers, 1):
            deploy(worker, refunds.file)
            refunds.write()
            refunds.reach(refunded)
            assert not any(taken_up(other, refunds.topic) for other in workers[known:])
            goes_on()
            if known == 1:
                for hook in missing:
                    assert one.api.put(f"/api/hooks/{hook.id}", {"status": "active", "resume": "all"}).status == 200
        for hook in missing:  # also those whose owner did not know the topic when they were enabled
            refunds.reach(hook)
        refunds.reach(failing)
        one.receiver.behave(failing.path, status=500)
        for worker in workers:
            refunds.write()
            refunds.reach(refunded)
            deploy(worker, None)
            goes_on()
        one.receiver.behave(failing.path)
        refunds.reach(failing)  # by its retries, although no worker knows the topic any more
        refunds.write()  # this waits in the topic
        goes_on()
        deploy(workers[1], refunds.file)
        refunds.reach(refunded)
        goes_on()
    eventually(lambda: one.receiver.count(events.path)["ids"] == written[0])
    # Each worker ended in order, so nothing was sent twice.
    assert one.receiver.count(events.path)["requests"] == written[0]
    for hook in (refunded, failing, *missing):
        refunds.reach(hook)
    assert not one.dead_letters()
