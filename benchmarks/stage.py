"""The stage of a benchmark: its own Kafka and receiver, and the senders compared on it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson

from benchmarks import sample
from benchmarks.sample import Hook
from benchmarks.topics import Group, Pair, Writer, create_topic
from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.ports import free_port
from streamhooks.dev.processes import Child, stop_all, wait_ready
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call

PARTITIONS = 8
_ROOT = Path(__file__).parents[1]
_READY = 90.0


@dataclass
class Sender:
    """Something that delivers queued events.

    topic -- where it reads events. queue -- takes records for it and returns when they are queued. wait_settled --
    waits, for at most this many seconds, until all bookkeeping of deliveries is done. bases -- the URLs of the
    workers' web views. children -- its processes. helpers -- processes that work only for it, such as Redis.
    """

    name: str
    children: list[Child]
    queue: Callable[[Iterable[Pair]], None]
    wait_settled: Callable[[float], None] = lambda _timeout: None
    bases: list[str] = field(default_factory=list)
    topic: str = ""
    prefix: str = ""
    helpers: list[Child] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        return [child.pid for child in self.children]


class Stage:
    """Kafka, a receiver and everything else that was started; `stage()` makes one and ends all of it."""

    def __init__(self, folder: Path, kafka: EmbeddedKafka, children: list[Child], **settings: object) -> None:
        self.folder, self.brokers, self.kafka_pid = folder, kafka.brokers, kafka.pid
        self.settings = settings
        self.writer = Writer(kafka.brokers)
        self._children = children
        self._lasting: list[Child] = []
        self.receiver = f"http://127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "benchmarks.receiver", "--port", str(port), "--secret", sample.SECRET]
        self.receiver_pid = self.start("receiver", command).pid
        wait_ready({f"{self.receiver}/_stats": children[-1]}, _READY)

    def start(self, name: str, command: Sequence[str], *, ended: bool = False, **variables: str) -> Child:
        """Start a process with a log of its own and this process's environment, without its STREAMHOOKS_*.

        ended -- it ends by itself, and nothing is wrong with that.
        """
        kept = {name: text for name, text in os.environ.items() if not name.startswith("STREAMHOOKS_")}
        path = os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH"))))
        child = Child(name, command, self.folder / name, kept | {"PYTHONPATH": path} | variables)
        self._children.append(child)
        if not ended:
            self._lasting.append(child)
        return child

    # --- the receiver

    def forget(self) -> None:
        """Let the receiver count from zero."""
        call("DELETE", f"{self.receiver}/_stats")

    def hang(self, hangs: bool) -> None:
        """Let the receiver answer requests to `/apart/…`, or not."""
        call("PUT" if hangs else "DELETE", f"{self.receiver}/_hang")

    def refuse(self, refuses: bool) -> None:
        """Let the receiver answer requests to `/apart/…` with 404, or with 200."""
        call("PUT" if refuses else "DELETE", f"{self.receiver}/_refuse")

    def received(self) -> dict[str, Any]:
        """Return the receiver's counts."""
        stats: dict[str, Any] = call("GET", f"{self.receiver}/_stats", timeout=30).json
        return stats

    # --- senders

    def worker(self, prefix: str, number: int, **settings: object) -> tuple[str, Child]:
        """Start a worker as a user would, without waiting; return the base URL of its views, and its process."""
        name, port = f"{prefix}worker-{number}", free_port()
        given = {
            "brokers": self.brokers,
            "topic_prefix": prefix,
            "web_port": port,
            "data_dir": self.folder / name / "data",
            "allowed_networks": "127.0.0.0/8",
            "base_url": sample.BASE_URL,
            **self.settings,
            **settings,
        }
        command = [sys.executable, "-m", "faust", "-A", "streamhooks", "worker", "-l", "info"]
        variables = {f"STREAMHOOKS_{key.upper()}": str(value) for key, value in given.items()}
        return f"http://127.0.0.1:{port}", self.start(name, command, **variables)

    def workers(self, prefix: str, count: int, hooks: Sequence[Hook], **settings: object) -> Sender:
        """Start this many workers of one installation, and return when they know the hooks."""
        by_base = dict(self.worker(prefix, number, **settings) for number in range(1, count + 1))
        wait_ready({f"{base}/health/ready": child for base, child in by_base.items()}, _READY)
        self.write_hooks(prefix, hooks)
        wait_ready({f"{base}/api/hooks/{hooks[-1].id}": child for base, child in by_base.items()}, _READY)
        topic = f"{prefix}events"
        groups = [
            Group(self.brokers, f"{prefix}worker", topic),
            Group(self.brokers, f"{prefix}counting", f"{prefix}firings"),
        ]

        def wait_settled(timeout: float) -> None:
            for group in groups:
                group.wait_settled(timeout)

        queue = partial(self.writer.write, topic)
        name = f"streamhooks x {count}"
        return Sender(name, list(by_base.values()), queue, wait_settled, list(by_base), topic, prefix)

    def load(self, sender: Sender, rate: float, seconds: float, projects: int, every: int = 0) -> Child:
        """Start the process that writes events for a sender at a rate per second; see `benchmarks.load`."""
        command = [
            *(sys.executable, "-m", "benchmarks.load", self.brokers, sender.topic),
            *(str(rate), str(seconds), str(projects), "--every", str(every)),
        ]
        return self.start("load", command, ended=True)

    def write_hooks(self, prefix: str, hooks: Iterable[Hook]) -> None:
        """Write hooks to their topic, as a GitOps tool would."""
        self.writer.write(f"{prefix}hooks", ((hook.id, orjson.dumps(hook.record())) for hook in hooks))

    def naive(self, count: int, hooks: Sequence[Hook], in_flight: int = 100) -> Sender:
        """Start this many naive senders in one group, on a topic of their own."""
        topic = f"naive-{count}-{in_flight}"
        create_topic(self.brokers, topic, PARTITIONS)
        known = self._hooks_file(hooks)
        command = [
            *(sys.executable, "-m", "benchmarks.senders.naive", self.brokers, topic, str(known), sample.BASE_URL),
            *("--in-flight", str(in_flight)),
        ]
        children = [self.start(f"{topic}-{number}", command) for number in range(1, count + 1)]
        settled = Group(self.brokers, topic, topic).wait_settled
        return Sender(f"naive x {count}", children, partial(self.writer.write, topic), settled, topic=topic)

    def celery(self, hooks: Sequence[Hook]) -> Sender | str:
        """Start Redis and a Celery worker with one process per core, or return the reason why not."""
        server = shutil.which("redis-server")
        if server is None:
            return "celery: skipped, there is no redis-server here (Debian's package redis-server)"
        if missing := [name for name in ("celery", "redis", "requests") if find_spec(name) is None]:
            return f"celery: skipped, not installed: {', '.join(missing)} (the extra `bench`)"
        port = free_port()
        redis = self.start("redis", [server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""])
        variables = {
            "BENCH_REDIS": f"redis://127.0.0.1:{port}/0",
            "BENCH_HOOKS": str(self._hooks_file(hooks)),
        }
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.senders.celery_app", "worker", "-l", "warning"]
        child = self.start("celery", command, **variables)
        ids = {hook.project_id: hook.id for hook in hooks}
        from celery import Celery

        app = Celery("queue", broker=variables["BENCH_REDIS"])

        def queue(pairs: Iterable[Pair]) -> None:
            with app.producer_pool.acquire(block=True) as producer:
                for project, value in pairs:
                    args = (ids[project], orjson.loads(value))
                    app.send_task("service_hook", args, producer=producer, ignore_result=True)

        return Sender("celery", [child], queue, helpers=[redis])

    def _hooks_file(self, hooks: Sequence[Hook]) -> Path:
        path = self.folder / "hooks.json"
        path.write_bytes(orjson.dumps([hook.record() for hook in hooks]))
        return path

    def metric(self, base: str, name: str) -> float | None:
        """Return a metric without labels of the worker whose views are at `base`; None if it has none."""
        with urlopen(f"{base}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)

    def expect_end(self, child: Child) -> None:
        """Note that a process was ended on purpose."""
        self._lasting.remove(child)

    def check(self) -> None:
        """Raise Refusal if a process that should last has ended."""
        for child in self._lasting:
            if not child.running:
                raise Refusal(child.end)


@contextmanager
def stage(**settings: object) -> Iterator[Stage]:
    """Start Kafka and a receiver; at the end of the block everything is ended, and its data removed.

    settings -- STREAMHOOKS_* of every worker, in lower case. The folder with the logs stays after an error.
    """
    folder = Path(tempfile.mkdtemp(prefix="streamhooks-bench-"))
    children: list[Child] = []
    with ExitStack() as stack:
        kafka = stack.enter_context(EmbeddedKafka.start())
        stack.callback(lambda: stop_all(children, 20.0))
        yield Stage(folder, kafka, children, **settings)
    shutil.rmtree(folder, ignore_errors=True)
