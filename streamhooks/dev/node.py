"""One Kafka process, both broker and controller, that can be stopped, killed, paused and restarted."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streamhooks.dev.distribution import Distribution
from streamhooks.dev.formatting import CLUSTER, format_from, is_formatted, keep
from streamhooks.dev.guard import dismiss, start_guarded
from streamhooks.dev.kafka_config import JVM_FLAGS, write_config
from streamhooks.errors import Refusal

_READY_TIMEOUT = 60.0
# The first clean stop also writes the ahead-of-time cache, which takes 6 s on two cores.
_STOP_TIMEOUT = 30.0


class Node:
    """A Kafka on 127.0.0.1. It ends with this process, however that dies.

    address -- `127.0.0.1:PORT`; it stays the same after a restart.
    folder -- its data, settings and logs (`kafka.log`, `kafka.out`).
    pid -- the process id of the JVM.
    """

    def __init__(
        self,
        distribution: Distribution,
        folder: Path,
        port: int,
        properties: Mapping[str, str],
        memory: int,
        remove: Path | None,
    ) -> None:
        """Lock the folder and write its settings; `format`, `launch` and `wait_ready` start it.

        properties -- for `server.properties`. memory -- maximum heap of the JVM, MiB.
        remove -- a folder to remove if this process dies without stopping the node.
        Raise Refusal if another Kafka uses the folder.
        """
        self.folder = folder
        self.address = f"127.0.0.1:{port}"
        self._distribution = distribution
        self._number = properties["node.id"]
        self._memory = memory
        self._remove = remove
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock = _lock(folder)
        write_config(folder, properties)

    @property
    def pid(self) -> int:
        """Return the process id of the JVM; 0 before the launch."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Tell whether the JVM was launched and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_recording(self) -> bool:
        """Tell whether a clean stop writes the ahead-of-time cache, which halves later starts."""
        return self.running and not self._distribution.archive.exists()

    def format(self) -> None:
        """Format the data folder for Kafka, unless that was done before."""
        data, kept = self.folder / "data", self._distribution.formatted
        if is_formatted(data):
            return
        if kept.exists():
            format_from(kept, data, self._number)
            return
        with self._out.open("wb") as output:
            tool = self._command("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c")
            if subprocess.run(tool, stdout=output, stderr=output, check=False).returncode:
                raise self._failure()
        keep(data, kept)

    def launch(self) -> None:
        """Start it without waiting."""
        with self._out.open("wb") as output:
            # In a new session, so that a Ctrl-C in the terminal reaches only this process.
            self._process, self._guard = start_guarded(
                self._command("kafka.Kafka", recording=True),
                self._remove,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[self._lock.fileno()],
            )

    def wait_ready(self) -> None:
        """Wait until it answers; if it doesn't, kill it and raise Refusal with one line."""
        try:
            self._wait_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop it cleanly, and unlock its folder. Calling it twice is fine."""
        self.end()
        self._lock.close()

    def ask_to_stop(self) -> None:
        """Send SIGTERM; do nothing if it has ended."""
        if self.running:
            self.resume()
            self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Stop it cleanly if it runs; the data stays for another launch."""
        self.ask_to_stop()
        if self._process:
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
        self._dismiss()
        if self._recorded.exists():
            self._recorded.replace(self._distribution.archive)

    def kill(self) -> None:
        """Kill it, as a power cut would; the data stays for `restart`."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self._dismiss()

    def restart(self) -> None:
        """Stop it if it runs, and start it again with the same data and port."""
        self.end()
        self.launch()
        self.wait_ready()

    def pause(self) -> None:
        """Freeze it: connections stay open, but get no answers."""
        self._signal(signal.SIGSTOP)
        # Threads that are running now stop a little later.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process:
            self._process.send_signal(number)

    def _dismiss(self) -> None:
        if self._guard:
            dismiss(self._guard)

    def _command(self, main: str, *arguments: str, recording: bool = False) -> list[str]:
        archive = self._distribution.archive
        if archive.exists():
            flags = [f"-XX:AOTCache={archive}", "-Xlog:disable"]
        else:
            flags = [f"-XX:AOTCacheOutput={self._recorded}", "-Xlog:disable"] if recording else []
        return [
            str(self._distribution.java),
            f"-Xmx{self._memory}m",
            *JVM_FLAGS,
            *flags,
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}",
            f"-Dstreamhooks.log={self.folder / 'kafka.log'}",
            *("-cp", os.pathsep.join(map(str, self._distribution.jars))),
            *(main, *arguments, str(self.folder / "server.properties")),
        ]

    @property
    def _out(self) -> Path:
        return self.folder / "kafka.out"

    @property
    def _recorded(self) -> Path:
        archive = self._distribution.archive
        return archive.with_name(f"{archive.name}.{os.getpid()}.{self.address.rpartition(':')[2]}")

    def _wait_ready(self) -> None:
        client = AdminClient({"bootstrap.servers": self.address, "reconnect.backoff.max.ms": 100, "log_level": 0})
        deadline = time.monotonic() + _READY_TIMEOUT
        while time.monotonic() < deadline:
            if not self.running:
                raise self._failure()
            try:
                client.list_topics(timeout=0.5)
            except KafkaException:
                continue
            return
        raise Refusal(f"the embedded Kafka doesn't answer on {self.address} within {_READY_TIMEOUT:.0f} s")

    def _failure(self) -> Refusal:
        """Return why Kafka ended: the exception that it printed, else the last line of its log."""
        log = self.folder / "kafka.log"
        text = self._out.read_text(errors="replace")
        lines = (log.read_text(errors="replace") if log.exists() else "").splitlines() + text.splitlines()
        exceptions = [line.strip() for line in lines if "Exception" in line and not line.startswith((" ", "\t"))]
        return Refusal(f"the embedded Kafka didn't start: {(exceptions or lines or ['no output'])[-1]}")


def _lock(folder: Path) -> IO[bytes]:
    """Lock a data folder while the returned file, or the copy that the JVM inherits, is open.

    Kafka's own lock comes too late: a second node writes to the metadata log before it is refused.
    """
    file = (folder / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Refusal(f"another Kafka is using the data in {folder}") from None
    return file
