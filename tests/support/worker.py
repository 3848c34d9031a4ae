from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from streamhooks.dev.guard import dismiss, guard
from streamhooks.dev.ports import free_port
from support.api import Api
from support.eventually import eventually

_ROOT = Path(__file__).parents[2]
_STOP_TIMEOUT = 30.0
#: of each topic, unless a test says otherwise: half the default, which takes Kafka half the time
PARTITIONS = 4


class Worker:
    """A worker as a user starts it, in a process of its own, configured only by STREAMHOOKS_*.

    base, token -- of its web views (see `support.api`). log -- the file that it writes its output to.
    """

    def __init__(
        self,
        brokers: str,
        prefix: str,
        data_dir: Path,
        *,
        token: str | None = None,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        **settings: object,
    ) -> None:
        """Describe a worker; `start` starts it.

        environment -- further variables. options -- of `faust worker`. settings -- STREAMHOOKS_*, in lower case:
        `retry_delay=1`.
        """
        self.port = free_port()
        scheme = "https" if "web_tls_cert" in settings else "http"
        self.base, self.token = f"{scheme}://127.0.0.1:{self.port}", token
        self.ca = settings.get("web_tls_ca")
        self.data_dir, self.log = data_dir, data_dir / "worker.log"
        given = {
            "brokers": brokers,
            "topic_prefix": prefix,
            "partitions": PARTITIONS,
            "web_bind": "127.0.0.1",
            "web_port": self.port,
            "data_dir": data_dir,
            "allowed_networks": "127.0.0.0/8",
            **({"api_token": token} if token else {}),
            **settings,
        }
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("STREAMHOOKS_")}
        # After this time Faust complains, every few seconds, of partitions that its own client does not fetch.
        inherited["STREAM_PROCESSING_TIMEOUT"] = "1"
        inherited |= environment or {}
        self._environment = inherited | {f"STREAMHOOKS_{name.upper()}": str(one) for name, one in given.items()}
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def set(self, **settings: object) -> None:
        """Change settings from the next start on; None removes one."""
        for name, one in settings.items():
            self._environment.pop(f"STREAMHOOKS_{name.upper()}", None)
            if one is not None:
                self._environment[f"STREAMHOOKS_{name.upper()}"] = str(one)

    def start(self, timeout: float = 60.0) -> Worker:
        """Start it and return when it is ready; may be called again after `stop` or `kill`.

        Raises AssertionError with the end of its log if it ends, or isn't ready in time.
        """
        return self.launch().wait_ready(timeout)

    def launch(self) -> Worker:
        """Start it without waiting."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "faust", "-A", "streamhooks", "worker", "-l", "info", *self._options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self._guard = guard(self._process.pid)
        return self

    def wait_ready(self, timeout: float = 60.0) -> Worker:
        """Wait until `GET /health/ready` is a 200."""
        health = Api(self.base, timeout=2.0, ca=self.ca)

        def ready() -> bool:
            return not self.running or health.get("/health/ready").status == 200

        try:
            eventually(ready, timeout)
            assert self.running, f"the worker ended with {self.returncode}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None
        return self

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return self._process.poll() if self._process else None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def wait(self, timeout: float = 30.0) -> int:
        """Wait until it ends by itself and return its exit code (for a refused start)."""
        assert self._process
        code = self._process.wait(timeout)
        dismiss(self._guard)
        return code

    def stop(self, timeout: float = _STOP_TIMEOUT) -> int:
        """Stop it as an operator would (SIGTERM) and return its exit code.

        Raises AssertionError with the end of its log, and kills it, if that takes too long.
        """
        self.resume()
        self.signal(signal.SIGTERM)
        return self.wait_ended(timeout)

    def wait_ended(self, timeout: float = _STOP_TIMEOUT) -> int:
        """Wait until it ends after a signal and return its exit code; as `stop` else."""
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the worker didn't stop within {timeout} s\n{self.tail()}") from None

    def kill(self) -> None:
        """Kill it (SIGKILL); does no harm if it isn't running."""
        if self._process:
            self.signal(signal.SIGKILL)
            self.wait()

    def pause(self) -> None:
        """Freeze it (SIGSTOP), as a machine that swaps or a debugger would."""
        self.signal(signal.SIGSTOP)
        eventually(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)

    def resume(self) -> None:
        """End a pause."""
        self.signal(signal.SIGCONT)

    def tail(self, lines: int = 60) -> str:
        """Return the end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join([f"--- {self.log}", *text.splitlines()[-lines:]])

    def signal(self, number: int) -> None:
        """Send it a signal; does no harm if it isn't running."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)
