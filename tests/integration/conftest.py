from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installation import Installation
from support import Receiver

from streamhooks.dev.kafka import EmbeddedKafka


@pytest.fixture(scope="module")
def installation(
    kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Installation]:
    """An installation for a module: as many workers as its WORKERS (1), with the settings of its SETTINGS."""
    receiver = Receiver()
    settings = getattr(request.module, "SETTINGS", {})
    one = Installation(kafka.brokers, tmp_path_factory.mktemp("workers"), receiver, **settings)
    failed_before = request.session.testsfailed
    try:
        # All are launched before the first is waited for: one rebalance, and half the time.
        workers = [one.add_worker(start=False) for _ in range(getattr(request.module, "WORKERS", 1))]
        for worker in workers:
            worker.launch()
        for worker in workers:
            worker.wait_ready()
        yield one
    finally:
        one.end(show_logs=request.session.testsfailed > failed_before)
        receiver.stop()


@pytest.fixture
def install(
    kafka: EmbeddedKafka, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Installation]]:
    """Make installations of a test's own, without workers yet: `install(retry_delay=1)`."""
    made: list[Installation] = []
    receiver = Receiver()

    def make(**settings: object) -> Installation:
        made.append(Installation(kafka.brokers, tmp_path, receiver, **settings))
        return made[-1]

    yield make
    report = getattr(request.node, "report_of_call", None)
    for one in made:
        one.end(show_logs=report is None or report.failed)
    receiver.stop()


@pytest.fixture
def organization() -> str:
    """An organization that no other test uses, so that tests can share a worker."""
    return f"org-{secrets.token_hex(4)}"
