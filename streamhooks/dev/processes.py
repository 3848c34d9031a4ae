"""Processes that are started for a while: each with a log of its own, none outlives the one that started it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamhooks.dev.guard import dismiss, start_guarded
from streamhooks.errors import Refusal
from streamhooks.web.http.json_client import call


class Child:
    """A process in a session of its own, so that a Ctrl-C in the terminal reaches its starter alone.

    name -- how messages call it. log -- the file that its output is added to. pid -- of the process.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        remove: Path | None = None,
    ) -> None:
        """Start `command` in `folder`, which is made if it is missing, with this environment and no other.

        remove -- a folder that goes if the starter dies without having stopped this.
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
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def end(self) -> str:
        """How it ended and where its log is, in one line; for one that has ended."""
        lines = self.log.read_text(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return f"{self.name} ended with code {self._process.returncode}: {last[:200]} (log: {self.log})"

    def ask_to_stop(self) -> None:
        """Send SIGTERM; does no harm if it has ended."""
        if self.running:
            self._process.terminate()

    def wait_stopped(self, timeout: float) -> None:
        """Wait until it has ended; after `timeout` seconds it is killed."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        dismiss(self._guard)


def wait_ready(children: Mapping[str, Child], timeout: float) -> None:
    """Wait until all of these answer with 200 at the same time; the keys are the URLs to ask.

    timeout -- seconds. Raises Refusal with the log's path if one ends, or isn't ready in time.
    """
    deadline = time.monotonic() + timeout
    while waiting := next((url for url in children if not _is_ready(url)), None):
        for child in children.values():
            if not child.running:
                raise Refusal(child.end)
        if time.monotonic() > deadline:
            late = children[waiting]
            raise Refusal(f"{late.name} is not ready within {timeout:.0f} s (log: {late.log})")
        time.sleep(0.1)


def stop_all(children: Sequence[Child], timeout: float) -> None:
    """Stop all of these, side by side; what hasn't ended after `timeout` seconds is killed."""
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
