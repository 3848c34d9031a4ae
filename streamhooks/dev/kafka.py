"""The embedded Kafka: a real Apache Kafka for development and tests, of one broker or of several.

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

#: MiB of heap: of a broker that is alone, and of each of several
_ALONE, _AMONG_OTHERS = 512, 384


class EmbeddedKafka:
    """A running Kafka on 127.0.0.1. It ends with this process, however that dies.

    brokers -- where it listens, `127.0.0.1:PORT`, several comma-separated; the same after a restart.
    folder -- its data, settings and logs; those of one broker of several are in `broker-N`.
    nodes -- its brokers, each of which may be killed, paused and started again by itself; their ids count from 1.
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
        """Start a Kafka and return it when it answers; takes 1 to 3 s, and 20 s more the first time ever.

        data_dir -- where its data is kept, and found again; None: a temporary folder, removed at the stop.
        port -- None: a free one. Several brokers take this one and the next ones.
        quiet -- no line on stderr while Kafka is fetched.
        settings -- more of Kafka's `server.properties`.
        brokers -- how many. Data that is kept is found again by as many as it was written with.
        doors -- further listeners of each broker.
        Raises Refusal with one line if it can't be fetched or doesn't start.
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
        """The process of the first broker."""
        return self.nodes[0].pid

    @property
    def running(self) -> bool:
        """Whether no broker has ended."""
        return all(node.running for node in self.nodes)

    def stop(self) -> None:
        """Stop it cleanly, and remove its data unless a folder was given. Does no harm a second time."""
        self._ask_to_stop()
        for node in self.nodes:
            node.stop()
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill it as a power cut would; the data stays for `restart`."""
        for node in self.nodes:
            node.kill()

    def restart(self) -> None:
        """Stop what is not down already, and start all with the same data and ports."""
        self._ask_to_stop()
        for node in self.nodes:
            node.end()
        # None of several answers before most of them are there.
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_ready()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        """End a pause."""
        for node in self.nodes:
            node.resume()

    def _ask_to_stop(self) -> None:
        # Side by side: what is left of a quorum is not enough for a clean stop, and each would wait for it by itself.
        for node in self.nodes:
            node.ask_to_stop()


def _check_kept(folder: Path, brokers: int) -> None:
    """Raise Refusal if there is data in the folder that another number of brokers has written."""
    written = 1 if (folder / "data").exists() else len(list(folder.glob("broker-*")))
    if written not in (0, brokers):
        raise Refusal(f"the data in {folder} is that of {written} brokers, not of {brokers}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run an embedded Kafka until Ctrl-C or SIGTERM; its address is printed as `brokers 127.0.0.1:PORT`."""
    parser = argparse.ArgumentParser(prog="python -m streamhooks.dev.kafka", description=main.__doc__)
    parser.add_argument("--port", type=int, help="where to listen on 127.0.0.1 (default: a free port)")
    parser.add_argument("--brokers", type=int, default=1, help="how many brokers, on this port and the next ones")
    parser.add_argument("--data-dir", type=Path, help="keep the data here (default: remove it at the end)")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with EmbeddedKafka.start(options.data_dir, options.port, brokers=options.brokers) as kafka:
            sys.stdout.write(f"brokers {kafka.brokers}\n")
            sys.stdout.flush()
            told: set[int] = set()
            while any(node.running for node in kafka.nodes) and not ended.wait(1.0):
                for broker, node in enumerate(kafka.nodes, 1):
                    if not node.running and broker not in told and len(kafka.nodes) > 1:
                        told.add(broker)
                        sys.stderr.write(f"broker {broker} ({node.address}) ended; the others go on\n")
            if not ended.is_set():
                raise Refusal("the embedded Kafka ended by itself")
    except Refusal as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
