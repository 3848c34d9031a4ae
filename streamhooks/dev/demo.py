"""The demo: a Kafka, workers, a receiver that verifies and misbehaves, hooks, and sample traffic of all three kinds.

Everything runs on free ports of this machine, and ends with the process that started it, however that dies.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.measures import Measures, Meter, Target
from streamhooks.dev.ports import free_port
from streamhooks.dev.processes import Child, stop_all, wait_ready
from streamhooks.dev.traffic import APP_ID, ORGANIZATION, PROJECTS, produce
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call

PREFIX = "streamhooks."
RETRY_DELAY = 5
_READY_TIMEOUT = 60.0
_STOP_TIMEOUT = 20.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Endpoint:
    """A path of the receiver, its behaviour (in words, and as the URL's query), and the hook that calls it."""

    path: str
    behaviour: str
    query: str
    hook: Mapping[str, Any]


_SHOP, _PAYMENTS = PROJECTS[0]["id"], PROJECTS[1]["id"]
_ENDPOINTS = (
    _Endpoint("/healthy", "answers 200", "", {"events": ["event.created"]}),
    _Endpoint(
        "/flaky",
        "fails first, then succeeds",
        "?status=503&fail=1",
        {"events": ["event.created"], "project_ids": [_SHOP]},
    ),
    _Endpoint(
        "/slow",
        "answers after 1.5 s",
        "?delay=1.5",
        {"events": ["event.created", "event.alert"], "project_ids": [_PAYMENTS]},
    ),
    _Endpoint("/pager", "answers 200", "", {"events": ["event_alert.triggered"], "app_id": APP_ID}),
    _Endpoint(
        "/overloaded",
        "500 half of the time",
        "?status=500&rate=0.5",
        {"events": ["issue", "error"], "app_id": "tracker"},
    ),
    _Endpoint("/rejecting", "always 400", "?status=400", {"events": ["comment"], "app_id": "chat"}),
)


@dataclass
class Demo:
    """A running demo; `run` starts one.

    brokers -- Kafka's addresses. workers -- by base URL. receiver -- its base URL. targets -- the hooks; the path of
    the first behaves well. folder -- the folder of the logs.
    """

    brokers: str
    workers: Mapping[str, Child]
    receiver: str
    targets: Sequence[Target]
    folder: Path
    _kafka: EmbeddedKafka
    _receiver: Child
    _meter: Meter
    _traffic: Future[int]
    _stop: threading.Event

    def measure(self) -> Measures:
        """Return the counts since the start.

        Raise Refusal if Kafka, the receiver, the traffic or all workers ended unexpectedly.
        """
        if not self._kafka.running:
            raise Refusal(f"Kafka ended unexpectedly (its log: {self._kafka.folder / 'kafka.log'})")
        if not self._receiver.running:
            raise Refusal(self._receiver.end)
        if not any(worker.running for worker in self.workers.values()):
            raise Refusal(next(iter(self.workers.values())).end)
        if self._traffic.done() and (error := self._traffic.exception()):
            raise Refusal(f"the sample traffic ended: {error}") from error
        return self._meter.measure()

    @property
    def ended_workers(self) -> list[str]:
        """Return a line for each worker that ended while others run."""
        return [worker.end for worker in self.workers.values() if not worker.running]

    def stop_traffic(self) -> None:
        """Stop producing, and wait until Kafka has confirmed all records."""
        self._stop.set()
        self._traffic.exception()  # waits for the end; `measure` reports an error


@contextmanager
def run(
    workers: int, rate: float, data_dir: Path | None, say: Say, clock: Callable[[], float] = time.time
) -> Iterator[Demo]:
    """Start the demo, and stop all of it at the end of the block.

    workers -- their number. rate -- sample records per second, of all three kinds. data_dir -- the folder that keeps
    Kafka's data and the logs for the next run; None: a temporary folder, removed unless the demo fails.
    say -- called with one line per step. clock -- epoch seconds.
    Raise Refusal with one line if a part does not start.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(_folder(data_dir))
        say("starting Kafka")
        kafka = stack.enter_context(EmbeddedKafka.start(folder / "kafka"))
        say(f"starting a receiver and {workers} worker{'s' * (workers > 1)}")
        children: list[Child] = []
        stack.callback(lambda: stop_all(children, _STOP_TIMEOUT))
        receiver_url = f"http://127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "streamhooks.dev.receiver", "--port", str(port), "--keep", "5000"]
        # Its guard also removes the folder if the demo is killed.
        remove = None if data_dir else folder
        receiver = Child("receiver", command, folder / "receiver", _environment({}), remove)
        children.append(receiver)
        by_url: dict[str, Child] = {}
        for number in range(1, workers + 1):
            base, worker = _worker(number, kafka.brokers, folder)
            by_url[base] = worker
            children.append(worker)
        health = {f"{base}/health/ready": worker for base, worker in by_url.items()}
        wait_ready({f"{receiver_url}/_count": receiver, **health}, _READY_TIMEOUT)
        say("creating hooks")
        targets = _create_hooks(next(iter(by_url)), receiver_url)
        # Before the first event, every worker must know the hooks, and their partitions must be assigned.
        views = [f"/api/hooks/{target.id}/{view}" for target in targets for view in ("stats", "pending")]
        wait_ready({base + view: worker for base, worker in by_url.items() for view in views}, _READY_TIMEOUT)
        meter = Meter(
            kafka.brokers,
            PREFIX,
            receiver_url,
            targets,
            lambda: [base for base, worker in by_url.items() if worker.running],
            clock(),
        )
        stop = threading.Event()
        producer = stack.enter_context(ThreadPoolExecutor(1))
        stack.callback(stop.set)
        traffic = producer.submit(produce, kafka.brokers, PREFIX, rate, stop=stop, clock=clock)
        yield Demo(kafka.brokers, by_url, receiver_url, targets, folder, kafka, receiver, meter, traffic, stop)


@contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    if data_dir:
        data_dir.mkdir(parents=True, exist_ok=True)
        yield data_dir.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="streamhooks-demo-"))
    try:
        yield folder
    except Refusal:
        raise  # its text names a log in that folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _worker(number: int, brokers: str, folder: Path) -> tuple[str, Child]:
    """Start a worker as a user would; return the base URL of its web views and its process."""
    name, port = f"worker-{number}", free_port()
    settings = {
        "BROKERS": brokers,
        "TOPIC_PREFIX": PREFIX,
        "WEB_PORT": str(port),
        "DATA_DIR": str(folder / name / "data"),
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "RETRY_DELAY": str(RETRY_DELAY),
    }
    command = [sys.executable, "-m", "faust", "-A", "streamhooks", "worker", "-l", "info"]
    return f"http://127.0.0.1:{port}", Child(name, command, folder / name, _environment(settings))


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with only these STREAMHOOKS_*, so that the demo is the same everywhere."""
    others = {name: text for name, text in os.environ.items() if not name.startswith("STREAMHOOKS_")}
    return others | {f"STREAMHOOKS_{name}": text for name, text in settings.items()}


def _create_hooks(base: str, receiver: str) -> list[Target]:
    """Create the hooks, or point those in kept data to the new receiver; give the receiver their secrets."""
    listed = _answer("GET", f"{base}/api/hooks?organization_id={ORGANIZATION['id']}&limit=500")["hooks"]
    kept = {urlsplit(hook["url"]).path: hook["id"] for hook in listed}
    targets = []
    # With this secret, requests of unknown hooks count as unverified.
    secrets = {"*": "the secret of no hook"}
    for endpoint in _ENDPOINTS:
        url = receiver + endpoint.path + endpoint.query
        if hook_id := kept.get(endpoint.path):
            _answer("PUT", f"{base}/api/hooks/{hook_id}", {"url": url})
            hook = _answer("POST", f"{base}/api/hooks/{hook_id}/rotate-secret")
        else:
            body = {"organization_id": ORGANIZATION["id"], "url": url, **endpoint.hook}
            hook = _answer("POST", f"{base}/api/hooks", body)
        secrets[hook["id"]] = hook["secret"]
        targets.append(Target(hook["id"], endpoint.path, endpoint.behaviour))
    _answer("PUT", f"{receiver}/_secrets", secrets)
    return targets


def _answer(method: str, url: str, body: object = None) -> Any:
    try:
        answer = call(method, url, body, timeout=15.0)
    except OSError as error:
        raise Refusal(f"{method} {url}: {error}") from error
    if answer.status >= 400:
        raise Refusal(f"{method} {url} answered {answer.status}: {answer.json}")
    return answer.json
