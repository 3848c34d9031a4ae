"""Child processes: each has its own log, and none outlives the process that started it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamhooks.dev.guard import dismiss, start_guarded
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call


class Child:
    """A process in its own session, so that a Ctrl-C in the terminal reaches only its starter.

    name -- its name in messages. log -- the file that gets its output. pid -- its process id.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        remove: Path | None = None,
    ) -> None:
        """Start `command` in `folder`, created if missing, with exactly this environment.

        remove -- a folder to remove if the starter dies without stopping this process.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._process, self._guard = start_guarded(
                command,
                remove,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    @property
    def end(self) -> str:
        """Return one line with its exit code, last output and log; only for an ended process."""
        lines = self.log.read_text(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        return f"{self.name} ended with code {self._process.returncode}: {last[:200]} (log: {self.log})"

    def ask_to_stop(self) -> None:
        """Send SIGTERM; do nothing if it has ended."""
        if self.running:
            self._process.terminate()

    def wait_stopped(self, timeout: float) -> None:
        """Wait until it has ended; kill it after `timeout` seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        dismiss(self._guard)


def wait_ready(children: Mapping[str, Child], timeout: float) -> None:
    """Wait until all `children` answer with 200 at the same time; the keys are the URLs to call.

    timeout -- seconds. Raise Refusal with the log's path if one ends, or isn't ready in time.
    """
    deadline = time.monotonic() + timeout
    while waiting := next((url for url in children if not _is_ready(url)), None):
        for child in children.values():
            if not child.running:
                raise Refusal(child.end)
        if time.monotonic() > deadline:
            late = children[waiting]
            raise Refusal(f"{late.name} was not ready within {timeout:.0f} s (log: {late.log})")
        time.sleep(0.1)


def stop_all(children: Sequence[Child], timeout: float) -> None:
    """Stop all processes in parallel; kill those that haven't ended after `timeout` seconds."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + timeout
    for child in children:
        child.wait_stopped(max(0.0, deadline - time.monotonic()))


def _is_ready(url: str) -> bool:
    try:
        return call("GET", url, timeout=2.0).status == 200
    except OSError:
        return False
