from __future__ import annotations

import contextlib
import gc
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from support import Receiver, Worker
from support.depth import examples

from streamhooks.dev.kafka import EmbeddedKafka

if TYPE_CHECKING:
    from support.browser import Browser, Chromium

settings.register_profile("ours", examples())
settings.load_profile("ours")


@dataclass(frozen=True)
class _GivenKafka:
    """A Kafka that somebody else runs."""

    brokers: str


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka | _GivenKafka]:
    """A Kafka for all tests: the one of STREAMHOOKS_TEST_BROKERS, else an embedded one. See `.brokers`."""
    if brokers := os.environ.get("STREAMHOOKS_TEST_BROKERS"):
        yield _GivenKafka(brokers)
        return
    # Segments roll early, so that compaction happens while a test looks.
    with EmbeddedKafka.start(settings={"log.roll.ms": "5000"}) as embedded:
        yield embedded


@pytest.fixture
def brokers(kafka: EmbeddedKafka | _GivenKafka) -> str:
    return kafka.brokers


@pytest.fixture
def prefix() -> str:
    """A prefix of topics that no other test uses."""
    return f"t{secrets.token_hex(4)}."


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.stop()


@pytest.fixture
def worker(
    brokers: str, prefix: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Worker]]:
    """Start a worker: `worker(retry_delay=1)`; `start=False` only describes one. Further calls add workers.

    Each has a data folder of its own; all share the test's prefix. Their logs are shown if the test fails.
    """
    started: list[Worker] = []

    def make(*, start: bool = True, **settings: object) -> Worker:
        one = Worker(brokers, prefix, tmp_path / f"worker-{len(started)}", **settings)
        started.append(one)
        return one.start() if start else one

    yield make
    for one in started:
        one.kill()
    report = getattr(request.node, "report_of_call", None)
    if report is None or report.failed:
        for one in started:
            print(one.tail())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    from support.browser import chromium  # not above: the tests without a page need no Playwright

    with chromium() as one:
        yield one


@pytest.fixture
def browser(chromium: Chromium, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A page that knows no token, on a wide screen, in light. What is on it is shown if the test fails."""
    with chromium.browser() as one:
        yield one
        report = getattr(request.node, "report_of_call", None)
        if report is None or report.failed:
            with contextlib.suppress(Exception):  # it may have died
                print(one.text())


def pytest_collection_finish() -> None:
    # Seven thousand tests and what they import stay to the end: they need not be looked at for garbage time and again.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.when == "call":
        item.report_of_call = report
    return report
