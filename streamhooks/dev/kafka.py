"""The embedded Kafka: a real Apache Kafka for development and tests, with one broker or several.

`python -m streamhooks.dev.kafka [--brokers N] [--port N] [--data-dir DIR]` runs one until Ctrl-C.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from streamhooks.dev.cache import default_cache
from streamhooks.dev.distribution import prepare
from streamhooks.dev.kafka_config import Door, properties
from streamhooks.dev.node import Node
from streamhooks.dev.ports import free_ports
from streamhooks.errors import Refusal

#: heap in MiB of a single broker, and of each of several brokers
_ALONE, _AMONG_OTHERS = 512, 384


class EmbeddedKafka:
    """A running Kafka on 127.0.0.1. It ends with this process, however that dies.

    brokers -- its addresses, `127.0.0.1:PORT`, separated by commas; they stay the same after a restart.
    folder -- its data, settings and logs; with several brokers, each has a folder `broker-N` in it.
    nodes -- its brokers, with ids from 1; each may be killed, paused and restarted separately.
    """

    def __init__(self, folder: Path, nodes: Sequence[Node], keep: bool) -> None:
        self.folder = folder
        self.nodes = tuple(nodes)
        self.brokers = ",".join(node.address for node in nodes)
        self._keep = keep

    @classmethod
    def start(
        cls,
        data_dir: Path | None = None,
        port: int | None = None,
        quiet: bool = False,
        settings: Mapping[str, str] | None = None,
        cache: Path | None = None,
        *,
        brokers: int = 1,
        doors: Sequence[Sequence[Door]] = (),
    ) -> EmbeddedKafka:
        """Start a Kafka and return it once it answers. This takes 1 to 3 s, the very first time 20 s more.

        data_dir -- the folder that keeps its data; None: a temporary folder, removed at the stop.
        port -- None: a free one. Several brokers use this port and the next ones.
        quiet -- print no line on stderr while Kafka is fetched.
        settings -- more properties for Kafka's `server.properties`.
        brokers -- their number. Kept data needs the number of brokers that it was written with.
        doors -- more listeners of each broker.
        Raise Refusal with one line if it can't be fetched or doesn't start.
        """
        distribution = prepare(cache or default_cache(), quiet)
        if data_dir:
            data_dir.mkdir(parents=True, exist_ok=True)
        folder = data_dir.resolve() if data_dir else Path(tempfile.mkdtemp(prefix="streamhooks-kafka-"))
        keep = data_dir is not None
        ports = free_ports(brokers) if port is None else list(range(port, port + brokers))
        controllers = free_ports(brokers)
        nodes: list[Node] = []
        try:
            _check_kept(folder, brokers)
            for number in range(1, brokers + 1):
                own = folder if brokers == 1 else folder / f"broker-{number}"
                own.mkdir(exist_ok=True)
                known = properties(
                    number, own / "data", ports[number - 1], controllers, doors[number - 1] if doors else ()
                )
                known |= settings or {}
                memory = _ALONE if brokers == 1 else _AMONG_OTHERS
                nodes.append(Node(distribution, own, ports[number - 1], known, memory, remove=None if keep else folder))
            kafka = cls(folder, nodes, keep)
            for node in nodes:
                node.format()
            kafka.restart()
        except BaseException:
            for node in nodes:
                node.kill()
                node.stop()
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return kafka

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the process id of the first broker."""
        return self.nodes[0].pid

    @property
    def running(self) -> bool:
        """Tell whether all brokers run."""
        return all(node.running for node in self.nodes)

    def stop(self) -> None:
        """Stop it, and remove its data unless a folder was given. Calling it twice is fine."""
        if self._keep or any(node.is_recording for node in self.nodes):
            self._ask_to_stop()
        else:
            # Several brokers can't all stop cleanly at once: they wait for a controller, up to half a minute.
            self.kill()
        for node in self.nodes:
            node.stop()
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill it, as a power cut would; the data stays for `restart`."""
        for node in self.nodes:
            node.kill()

    def restart(self) -> None:
        """Stop the brokers that run, and start all with the same data and ports."""
        self._ask_to_stop()
        for node in self.nodes:
            node.end()
        # With several brokers, none answers before a majority runs.
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_ready()

    def pause(self) -> None:
        """Freeze it: connections stay open, but get no answers."""
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        """End a pause."""
        for node in self.nodes:
            node.resume()

    def _ask_to_stop(self) -> None:
        # All at once: the last brokers are no quorum, so one after the other they would wait in vain for a clean stop.
        for node in self.nodes:
            node.ask_to_stop()


def _check_kept(folder: Path, brokers: int) -> None:
    """Raise Refusal if the folder has data that a different number of brokers has written."""
    written = 1 if (folder / "data").exists() else len(list(folder.glob("broker-*")))
    if written not in (0, brokers):
        raise Refusal(f"the data in {folder} was written by {written} brokers, not {brokers}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run an embedded Kafka until Ctrl-C or SIGTERM, and print its address as `brokers 127.0.0.1:PORT`."""
    parser = argparse.ArgumentParser(prog="python -m streamhooks.dev.kafka", description=main.__doc__)
    parser.add_argument("--port", type=int, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--brokers", type=int, default=1, help="number of brokers, on this port and the next ones")
    parser.add_argument("--data-dir", type=Path, help="keep the data here (default: remove it at the end)")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with EmbeddedKafka.start(options.data_dir, options.port, brokers=options.brokers) as kafka:
            sys.stdout.write(f"brokers {kafka.brokers}\n")
            sys.stdout.flush()
            reported: set[int] = set()
            while any(node.running for node in kafka.nodes) and not ended.wait(1.0):
                for broker, node in enumerate(kafka.nodes, 1):
                    if not node.running and broker not in reported and len(kafka.nodes) > 1:
                        reported.add(broker)
                        sys.stderr.write(f"broker {broker} ({node.address}) ended; the others continue\n")
            if not ended.is_set():
                raise Refusal("the embedded Kafka ended unexpectedly")
    except Refusal as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
