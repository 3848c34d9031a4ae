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
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson

from benchmarks import certificates, sample
from benchmarks.receiver import addresses
from benchmarks.report import ROOT
from benchmarks.sample import Hook
from benchmarks.topics import Group, Pair, Writer, create_topic
from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.ports import free_port
from streamhooks.dev.processes import Child, stop_all, wait_ready
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call

PARTITIONS = 8
_READY = 600.0


@dataclass(frozen=True)
class Checkout:
    """The code of a worker: the interpreter, and the folder to import it from; None: what is installed for it."""

    python: str = sys.executable
    root: Path | None = ROOT


@dataclass(frozen=True)
class Endpoints:
    """Where the receiver listens beside its own port: on how many loopback addresses, and whether with TLS."""

    addresses: int = 0
    tls: bool = False


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

    def __init__(
        self, folder: Path, kafka: EmbeddedKafka, children: list[Child], endpoints: Endpoints, **settings: object
    ) -> None:
        self.folder, self.brokers, self.kafka_pid = folder, kafka.brokers, kafka.pid
        self.settings = settings
        self.partitions = int(str(settings.get("partitions", PARTITIONS)))
        self.writer = Writer(kafka.brokers)
        self._children = children
        self._lasting: list[Child] = []
        self._naive = 0
        self.variables: dict[str, str] = {}
        self.receiver = f"http://127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "benchmarks.receiver", "--port", str(port), "--secret", sample.SECRET]
        hosts = addresses(endpoints.addresses)
        command += ["--addresses", str(len(hosts))]
        if endpoints.tls:
            authority = certificates.write(folder / "certificates", hosts)
            command += ["--tls", str(authority.parent)]
            self.variables["SSL_CERT_FILE"] = str(authority)
        #: base URLs for hooks
        self.receivers = [f"{'https' if endpoints.tls else 'http'}://{host}:{port}" for host in hosts]
        self.receivers = self.receivers or [self.receiver]
        self.receiver_pid = self.start("receiver", command).pid
        wait_ready({f"{self.receiver}/_stats": children[-1]}, _READY)

    def start(
        self, name: str, command: Sequence[str], *, ended: bool = False, root: Path | None = ROOT, **variables: str
    ) -> Child:
        """Start a process with a log of its own and this process's environment, without its STREAMHOOKS_*.

        ended -- it ends by itself, and nothing is wrong with that. root -- where it imports from before all else.
        """
        kept = {name: text for name, text in os.environ.items() if not name.startswith("STREAMHOOKS_")}
        path = os.pathsep.join(filter(None, (root and str(root), kept.get("PYTHONPATH"))))
        child = Child(name, command, self.folder / name, kept | {"PYTHONPATH": path} | self.variables | variables)
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

    def worker(
        self, prefix: str, number: int, checkout: Checkout = Checkout(), **settings: object
    ) -> tuple[str, Child]:
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
        command = [checkout.python, "-m", "faust", "-A", "streamhooks", "worker", "-l", "info"]
        variables = {f"STREAMHOOKS_{key.upper()}": str(value) for key, value in given.items()}
        return f"http://127.0.0.1:{port}", self.start(name, command, root=checkout.root, **variables)

    def workers(
        self, prefix: str, count: int, hooks: Sequence[Hook], checkout: Checkout = Checkout(), **settings: object
    ) -> Sender:
        """Start this many workers of one installation, and return when they know the hooks."""
        by_base = dict(self.worker(prefix, number, checkout, **settings) for number in range(1, count + 1))
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

    def load(self, sender: Sender, rate: float, seconds: float, projects: Sequence[str], every: int = 0) -> Child:
        """Start the process that writes events for a sender at a rate per second; see `benchmarks.load`."""
        path = self.folder / "projects.json"
        path.write_bytes(orjson.dumps(projects))
        command = [
            *(sys.executable, "-m", "benchmarks.load", self.brokers, sender.topic),
            *(str(rate), str(seconds), str(path), "--every", str(every)),
        ]
        return self.start("load", command, ended=True)

    def write_hooks(self, prefix: str, hooks: Iterable[Hook]) -> None:
        """Write hooks to their topic, as a GitOps tool would."""
        self.writer.write(f"{prefix}hooks", ((hook.id, orjson.dumps(hook.record())) for hook in hooks))

    def naive(self, count: int, hooks: Sequence[Hook], in_flight: int = 100) -> Sender:
        """Start this many naive senders in one group, on a topic of their own."""
        self._naive += 1  # one that was killed is a member of its group for a while
        topic = f"naive-{count}-{in_flight}-{self._naive}"
        create_topic(self.brokers, topic, self.partitions)
        known = self.hooks_file(hooks)
        command = [
            *(sys.executable, "-m", "benchmarks.senders.naive", self.brokers, topic, str(known), sample.BASE_URL),
            *("--in-flight", str(in_flight)),
        ]
        children = [self.start(f"{topic}-{number}", command) for number in range(1, count + 1)]
        settled = Group(self.brokers, topic, topic).wait_settled
        return Sender(f"naive x {count}", children, partial(self.writer.write, topic), settled, topic=topic)

    def hooks_file(self, hooks: Sequence[Hook]) -> Path:
        """Write hooks to a file for a sender that has no topic of hooks, and return its path."""
        path = self.folder / "hooks.json"
        path.write_bytes(orjson.dumps([hook.record() for hook in hooks]))
        return path

    def metric(self, base: str, name: str) -> float | None:
        """Return a metric without labels of the worker whose views are at `base`; None if it has none."""
        with urlopen(f"{base}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), None)

    def end(self, *children: Child) -> None:
        """End processes in order, on purpose."""
        for child in children:
            self._lasting.remove(child)
            child.ask_to_stop()
        for child in children:
            child.wait_stopped(30)

    def check(self) -> None:
        """Raise Refusal if a process that should last has ended."""
        for child in self._lasting:
            if not child.running:
                raise Refusal(child.end)


@contextmanager
def stage(endpoints: Endpoints = Endpoints(), **settings: object) -> Iterator[Stage]:
    """Start Kafka and a receiver; at the end of the block everything is ended, and its data removed.

    settings -- STREAMHOOKS_* of every worker, in lower case. The folder with the logs stays after an error.
    """
    folder = Path(tempfile.mkdtemp(prefix="streamhooks-bench-"))
    children: list[Child] = []
    with ExitStack() as stack:
        kafka = stack.enter_context(EmbeddedKafka.start())
        stack.callback(lambda: stop_all(children, 20.0))
        yield Stage(folder, kafka, children, endpoints, **settings)
    shutil.rmtree(folder, ignore_errors=True)
