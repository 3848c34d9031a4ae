"""A worker ends with code 0, soon, on each of four signals and in whatever state: also where Kafka does not answer."""

from __future__ import annotations

import re
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import Worker, eventually

from streamhooks.dev.kafka import EmbeddedKafka

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
GRACE = 1


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka.start() as started:
        yield started


class Workers:
    """As many workers of one group as there are signals."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self._prefix = f"t{secrets.token_hex(4)}."
        self._brokers, self._folder = brokers, folder
        self.all: list[Worker] = []

    def launch(self) -> Workers:
        for number in SIGNALS:
            folder = self._folder / f"{len(self.all)}-{number.name}"
            worker = Worker(self._brokers, self._prefix, folder, grace=GRACE, partitions=4)
            self.all.append(worker.launch())
        return self

    def ready(self) -> Workers:
        for worker in self.launch().all:
            worker.wait_ready()
        return self

    def end(self) -> None:
        """Send each of the latest ones its signal, and a second one; each must end in time, with 0."""
        for worker, number in zip(self.all[-len(SIGNALS) :], SIGNALS, strict=True):
            worker.signal(number)
        for worker in self.all[-len(SIGNALS) :]:
            worker.signal(signal.SIGTERM)
        for worker, number in zip(self.all[-len(SIGNALS) :], SIGNALS, strict=True):
            assert worker.wait_ended(GRACE + 15) == 0, f"{number.name}\n{worker.tail()}"


@pytest.fixture
def workers(own: EmbeddedKafka, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(own.brokers, tmp_path)
    yield made
    for worker in made.all:
        worker.kill()


def hears(worker: Worker) -> bool:
    """Whether the worker has got as far as to catch SIGTERM."""
    caught = re.search(r"^SigCgt:\t(\w+)$", Path(f"/proc/{worker.pid}/status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def says(text: str) -> Callable[[Worker], bool]:
    """Whether this is in the worker's log."""
    return lambda worker: text in worker.log.read_text()


MOMENTS = {
    "imports": hears,
    "first line": says("[INFO]"),
    "the group is joined": says("(Re-)joining group"),
    "partitions come": says("Executing _on_partitions_assigned"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_while_it_starts(workers: Workers, moment: str) -> None:
    for worker in workers.launch().all:
        eventually(lambda worker=worker: MOMENTS[moment](worker), 60)
    workers.end()


def test_while_partitions_move(workers: Workers, own: EmbeddedKafka, tmp_path: Path) -> None:
    joining = Worker(own.brokers, workers.ready()._prefix, tmp_path / "joining", grace=GRACE).launch()
    try:
        eventually(lambda: says("(Re-)joining group")(joining), 60)
        workers.end()
        assert joining.wait_ready().stop() == 0
    finally:
        joining.kill()


@contextmanager
def frozen(kafka: EmbeddedKafka) -> Iterator[None]:
    kafka.pause()
    try:
        yield
    finally:
        kafka.resume()


@contextmanager
def gone(kafka: EmbeddedKafka) -> Iterator[None]:
    kafka.kill()
    try:
        yield
    finally:
        kafka.restart()


@pytest.mark.parametrize("away", [frozen, gone])
def test_while_kafka_is_away(workers: Workers, own: EmbeddedKafka, away: Callable) -> None:
    workers.ready()
    with away(own):
        workers.end()
        for worker in workers.launch().all[len(SIGNALS) :]:
            eventually(lambda worker=worker: says("waiting for Kafka")(worker), 60)
        workers.end()
