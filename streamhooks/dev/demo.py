"""The demo: a Kafka, workers, a receiver that verifies and misbehaves, hooks, and sample traffic of all kinds.

Everything runs on free ports of this machine, and ends with the process that started it, however that dies.
"""

from __future__ import annotations

import base64
import hashlib
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
from streamhooks.dev.traffic import APP_ID, ORGANIZATION, produce
from streamhooks.errors import Refusal
from streamhooks.records.hook_events import SENTRY
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

    @property
    def gets(self) -> str:
        """Return in words what the hook gets, and in which format."""
        condition = self.hook.get("filter", "").removeprefix("message.")
        events = ", ".join(self.hook["events"]) + (condition and f" if {condition}")
        return f"{self.hook.get('format', SENTRY)}: {events}"


_ENDPOINTS = (
    _Endpoint("/orders", "answers 200", "", {"format": "standard", "events": ["order.*"]}),
    _Endpoint(
        "/large-orders",
        "answers 200",
        "",
        {"format": "standard", "events": ["order.paid"], "filter": "message.data.total > 100"},
    ),
    _Endpoint(
        "/warehouse",
        "500 half of the time",
        "?status=500&rate=0.5",
        {"format": "cloudevents", "events": ["order.shipped"]},
    ),
    _Endpoint("/crm", "answers after 1.5 s", "?delay=1.5", {"format": "standard", "events": ["user.*"]}),
    _Endpoint("/refunds", "always 400", "?status=400", {"format": "standard", "events": ["order.cancelled"]}),
    # For the records of Sentry's kind (docs/sentry.md).
    _Endpoint("/errors", "answers 200", "", {"events": ["event.created", "event.alert"]}),
    _Endpoint("/pager", "answers 200", "", {"events": ["event_alert.triggered"], "app_id": APP_ID}),
    _Endpoint(
        "/tracker",
        "503 three of ten times",
        "?status=503&rate=0.3",
        {"events": ["issue", "error"], "app_id": "tracker"},
    ),
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

    workers -- their number. rate -- sample records per second, of all kinds. data_dir -- the folder that keeps
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
    """Create the hooks, or point those in kept data to the new receiver, which knows their secrets before."""
    secrets = {endpoint.path: _secret(endpoint.path) for endpoint in _ENDPOINTS}
    # With this secret, requests to other paths count as unverified.
    _answer("PUT", f"{receiver}/_secrets", {**secrets, "*": "the secret of no hook"})
    listed = _answer("GET", f"{base}/api/hooks?organization_id={ORGANIZATION['id']}&limit=500")["hooks"]
    kept = {urlsplit(hook["url"]).path: hook["id"] for hook in listed}
    targets = []
    for endpoint in _ENDPOINTS:
        fields = {"url": receiver + endpoint.path + endpoint.query, "secret": secrets[endpoint.path]}
        if hook_id := kept.get(endpoint.path):
            _answer("PUT", f"{base}/api/hooks/{hook_id}", fields)
        else:
            body = {"organization_id": ORGANIZATION["id"], **fields, **endpoint.hook}
            hook_id = _answer("POST", f"{base}/api/hooks", body)["id"]
        targets.append(Target(hook_id, endpoint.path, endpoint.gets, endpoint.behaviour))
    return targets


def _secret(path: str) -> str:
    """Return the secret of a path's hook, the same in each run: a kept hook has to be given no other."""
    return "whsec_" + base64.b64encode(hashlib.sha256(path.encode()).digest()).decode()


def _answer(method: str, url: str, body: object = None) -> Any:
    try:
        answer = call(method, url, body, timeout=15.0)
    except OSError as error:
        raise Refusal(f"{method} {url}: {error}") from error
    if answer.status >= 400:
        raise Refusal(f"{method} {url} answered {answer.status}: {answer.json}")
    return answer.json
