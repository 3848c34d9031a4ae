"""The embedded Kafka: a real Apache Kafka of one node, for development and tests.

`python -m streamhooks.dev.kafka [--port N] [--data-dir DIR]` runs one until Ctrl-C.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streamhooks.dev.distribution import Distribution, default_cache, prepare
from streamhooks.dev.guard import dismiss, start_guarded
from streamhooks.dev.kafka_config import JVM_FLAGS, write_config
from streamhooks.dev.ports import free_port
from streamhooks.errors import Refusal

_CLUSTER = "streamhooks-embedded-A"  # 16 bytes in base64, as Kafka wants
_READY_TIMEOUT = 60.0
# A first clean stop also writes the ahead-of-time cache, which takes 6 s on two cores.
_STOP_TIMEOUT = 60.0


class EmbeddedKafka:
    """A running Kafka on 127.0.0.1. It ends with this process, however that dies.

    brokers -- where it listens, `127.0.0.1:PORT`; the same after a restart.
    folder -- its data, settings and logs (`kafka.log`, `kafka.out`).
    pid -- the process of the JVM.
    """

    def __init__(
        self, distribution: Distribution, folder: Path, port: int, settings: Mapping[str, str], keep: bool
    ) -> None:
        self.folder = folder
        self.brokers = f"127.0.0.1:{port}"
        self._distribution = distribution
        self._keep = keep
        self._lock = _lock(folder)
        try:
            write_config(folder, port, free_port(), settings)
            self._launch()
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def start(
        cls,
        data_dir: Path | None = None,
        port: int | None = None,
        quiet: bool = False,
        settings: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> EmbeddedKafka:
        """Start a Kafka and return it when it answers; takes 1 to 3 s, and 20 s more the first time ever.

        data_dir -- where its data is kept, and found again; None: a temporary folder, removed at the stop.
        port -- None: a free one.
        quiet -- no line on stderr while Kafka is fetched.
        settings -- more of Kafka's `server.properties`.
        Raises Refusal with one line if it can't be fetched or doesn't start.
        """
        distribution = prepare(cache or default_cache(), quiet)
        if data_dir:
            data_dir.mkdir(parents=True, exist_ok=True)
        folder = data_dir.resolve() if data_dir else Path(tempfile.mkdtemp(prefix="streamhooks-kafka-"))
        try:
            return cls(distribution, folder, port or free_port(), settings or {}, keep=data_dir is not None)
        except BaseException:
            if not data_dir:
                shutil.rmtree(folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process of the JVM."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the JVM has not ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop it cleanly, and remove its data unless a folder was given. Does no harm a second time."""
        self._end()
        self._lock.close()
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill it as a power cut would; the data stays for `restart`."""
        self._process.kill()
        self._process.wait()
        dismiss(self._guard)

    def restart(self) -> None:
        """Stop it, unless it is down already, and start it again with the same data and port."""
        self._end()
        self._launch()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)
        # Threads that run at this moment stop a little later.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """End a pause."""
        self._process.send_signal(signal.SIGCONT)

    def _launch(self) -> None:
        out = self.folder / "kafka.out"
        if not (self.folder / "data" / "meta.properties").exists():
            with out.open("wb") as output:
                tool = self._command("kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c")
                if subprocess.run(tool, stdout=output, stderr=output, check=False).returncode:
                    raise self._failure()
        with out.open("wb") as output:
            # A session of its own, so that a Ctrl-C in the terminal reaches us alone.
            self._process, self._guard = start_guarded(
                self._command("kafka.Kafka", recording=True),
                None if self._keep else self.folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[self._lock.fileno()],
            )
        try:
            self._wait_ready()
        except BaseException:
            self.kill()
            raise

    def _command(self, main: str, *arguments: str, recording: bool = False) -> list[str]:
        archive = self._distribution.archive
        if archive.exists():
            flags = [f"-XX:AOTCache={archive}", "-Xlog:disable"]
        else:
            flags = [f"-XX:AOTCacheOutput={self._recorded}", "-Xlog:disable"] if recording else []
        return [
            str(self._distribution.java),
            *JVM_FLAGS,
            *flags,
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}",
            f"-Dstreamhooks.log={self.folder / 'kafka.log'}",
            *("-cp", os.pathsep.join(map(str, self._distribution.jars))),
            *(main, *arguments, str(self.folder / "server.properties")),
        ]

    @property
    def _recorded(self) -> Path:
        archive = self._distribution.archive
        return archive.with_name(f"{archive.name}.{os.getpid()}")

    def _wait_ready(self) -> None:
        client = AdminClient({"bootstrap.servers": self.brokers, "reconnect.backoff.max.ms": 100, "log_level": 0})
        deadline = time.monotonic() + _READY_TIMEOUT
        while time.monotonic() < deadline:
            if not self.running:
                raise self._failure()
            try:
                client.list_topics(timeout=0.5)
            except KafkaException:
                continue
            return
        raise Refusal(f"the embedded Kafka doesn't answer on {self.brokers} within {_READY_TIMEOUT:.0f} s")

    def _failure(self) -> Refusal:
        """Say why Kafka ended: the exception that it printed, else the last line of its log."""
        log = self.folder / "kafka.log"
        text = (self.folder / "kafka.out").read_text(errors="replace")
        lines = (log.read_text(errors="replace") if log.exists() else "").splitlines() + text.splitlines()
        told = [line.strip() for line in lines if "Exception" in line and not line.startswith((" ", "\t"))]
        return Refusal(f"the embedded Kafka didn't start: {(told or lines or ['no output'])[-1]}")

    def _end(self) -> None:
        if self.running:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
        dismiss(self._guard)
        if self._recorded.exists():
            self._recorded.replace(self._distribution.archive)


def _lock(folder: Path) -> IO[bytes]:
    """Take a data folder for as long as the file returned, or a copy of it that the JVM inherits, is open.

    Kafka's own lock comes too late: before it refuses, a second node has already written to the metadata log.
    """
    file = (folder / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Refusal(f"another Kafka runs on the data in {folder}") from None
    return file


def main(arguments: Sequence[str] | None = None) -> None:
    """Run an embedded Kafka until Ctrl-C or SIGTERM; its address is printed as `brokers 127.0.0.1:PORT`."""
    parser = argparse.ArgumentParser(prog="python -m streamhooks.dev.kafka", description=main.__doc__)
    parser.add_argument("--port", type=int, help="where to listen on 127.0.0.1 (default: a free port)")
    parser.add_argument("--data-dir", type=Path, help="keep the data here (default: remove it at the end)")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with EmbeddedKafka.start(options.data_dir, options.port) as kafka:
            sys.stdout.write(f"brokers {kafka.brokers}\n")
            sys.stdout.flush()
            while kafka.running and not ended.wait(1.0):
                pass
            if not kafka.running:
                raise Refusal("the embedded Kafka ended by itself")
    except Refusal as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
