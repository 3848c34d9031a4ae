from __future__ import annotations

import contextlib
import gc
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from support import Receiver, Worker
from support.depth import examples

from streamhooks.dev.kafka import EmbeddedKafka

if TYPE_CHECKING:
    from support.browser import Browser, Chromium

# Workers and commands are started by the hundred: none of them compiles what another one has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("ours", examples())
settings.load_profile("ours")


_SHARED = pytest.StashKey[EmbeddedKafka]()


@dataclass(frozen=True)
class _GivenKafka:
    """A Kafka that somebody else runs."""

    brokers: str


def _start_kafka() -> EmbeddedKafka:
    # Segments roll early, so that compaction happens while a test looks.
    return EmbeddedKafka.start(settings={"log.roll.ms": "5000"})


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of xdist where the Kafka is that all of them share; it is started for the first one."""
    config = node.config
    if os.environ.get("STREAMHOOKS_TEST_BROKERS") or all(_needs_no_kafka(argument) for argument in config.args):
        return
    if _SHARED not in config.stash:
        config.stash[_SHARED] = _start_kafka()
    node.workerinput["brokers"] = config.stash[_SHARED].brokers


def pytest_unconfigure(config: pytest.Config) -> None:
    if (shared := config.stash.get(_SHARED, None)) is not None:
        shared.stop()


def _needs_no_kafka(argument: str) -> bool:
    path = Path(argument.partition("::")[0]).resolve()
    return any(path.is_relative_to(Path(__file__).parent / folder) for folder in ("unit", "chaos", "browser"))


#: The files that take longest, the longest first. They begin first: else one process works on while others have ended.
_LONGEST = (
    "log_moves",
    "demo",
    "docs",
    "docs_readme",
    "stopping",
    "large_records",
    "nothing_is_lost",
    "chaos_short",
    "restart",
    "start",
    "rolling_sources",
    "security",
    "fetching",
    "own_topics",
    "embedded_cluster",
    "resume",
    "benchmarks",
    "isolation",
    "log_volume",
    "outcome_of_deliveries",
    "permissions",
    "own_output",
    "embedded_kafka",
    "unknown_tasks",
    "tasks_of_users",
    "added_partitions",
    "kafka_security",
    "web_hooks",
    "unsettled",
    "calls_from_anywhere",
    "calls_that_harm",
    "dead_letters",
    "two_workers",
    "sending",
    "journey_by_command_line",
    "page",
    "one_writer",
    "clock_jumps",
    "openapi",
    "hostile_hooks",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {f"test_{name}": number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[EmbeddedKafka | _GivenKafka]:
    """A Kafka for all tests: the one of STREAMHOOKS_TEST_BROKERS, else an embedded one. See `.brokers`."""
    shared = getattr(request.config, "workerinput", {}).get("brokers")
    if brokers := os.environ.get("STREAMHOOKS_TEST_BROKERS") or shared:
        yield _GivenKafka(brokers)
        return
    with _start_kafka() as embedded:
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
