"""A terminal in which commands are run, and `streamhooks listen` beside it."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from support import eventually as _eventually

from streamhooks.dev.ports import free_port

#: each look is a command, which takes seconds where much runs beside
eventually = partial(_eventually, timeout=90.0)
COMMAND = Path(sys.executable).with_name("streamhooks")
#: one line of `streamhooks listen --short`
HEARD = re.compile(r"\d\d:\d\d:\d\d  /hook  service hook  (?P<id>msg_\w+)  (?P<verdict>.+)  → (?P<status>\d+)")
GAP = re.compile(r"\s{2,}")


@dataclass(frozen=True)
class Said:
    """What a command said."""

    stdout: str
    stderr: str

    def rows(self) -> list[list[str]]:
        """The rows of a table without its head, or of names and values; empty cells are not told."""
        lines = [GAP.split(line.strip()) for line in self.stdout.splitlines() if line.strip()]
        return [line for line in lines if line[0] not in ("id", "at (UTC)", "webhook-id", "call", "letter", "hook")]

    def fields(self) -> dict[str, str]:
        """Names and values."""
        return dict(GAP.split(line, maxsplit=1) for line in self.stdout.splitlines() if GAP.search(line))


@dataclass
class Terminal:
    """A person who types `streamhooks …`."""

    environment: dict[str, str]

    def __call__(self, line: str, *, code: int = 0, answer: str | None = None) -> Said:
        """Run a command, with an answer to what it asks, and return what it said; it must end with `code`."""
        run = subprocess.run(
            [COMMAND, *shlex.split(line)],
            env=self.environment, input=answer, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        print(f"$ streamhooks {line}\n{run.stdout}{run.stderr}")
        assert run.returncode == code, (line, run.stdout, run.stderr)
        return Said(run.stdout, run.stderr)


@dataclass
class Listener:
    """`streamhooks listen --short`, which is started anew to behave otherwise, at the same port."""

    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    heard: list[re.Match[str]] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self, secret: str, *options: str) -> None:
        self.stop()
        run = [COMMAND, "listen", "--short", "--port", str(self.port), "--secret", secret, *options]
        self.process = subprocess.Popen(
            run, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        ready = f"listening on http://127.0.0.1:{self.port}/ (Ctrl-C stops it)\n"
        assert self.process.stderr.readline() == ready
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            found = HEARD.fullmatch(line.rstrip())
            assert found is not None, line
            self.heard.append(found)

    def latest(self, count: int, status: int = 200) -> list[str]:
        """Wait until so many requests came in all; return the ids of those with which that was answered, oldest first.

        Each was verified.
        """
        eventually(lambda: len(self.heard) >= count)
        assert len(self.heard) == count
        assert {one["verdict"] for one in self.heard} == {"verified (standard, service hook)"}
        return [one["id"] for one in self.heard if one["status"] == str(status)]

    def ids(self) -> Counter[str]:
        """How often each webhook-id came."""
        return Counter(one["id"] for one in self.heard)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.communicate(timeout=30)
            assert self.process.returncode == 0
            self.process = None
