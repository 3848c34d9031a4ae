"""A program that many tests start, imported once: each start is a fork, which takes a twentieth of the time.

Run as a program, it imports the modules that are named, reads starts as lines of JSON, and tells each one's exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


class Forking:
    """Starts a program, a function `module:name`; `imports` are what it imports without asking for a setting."""

    def __init__(self, program: str, imports: Sequence[str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__, program, *imports], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, words: Sequence[str], folder: Path, env: Mapping[str, str], outputs: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end in a folder; what it says goes through files in `outputs`."""
        files = {name: str(outputs / name) for name in ("stdout", "stderr")}
        start = {"words": list(words), "folder": str(folder), "env": dict(env), **files}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(start) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        said = {name: Path(file).read_text() for name, file in files.items()}
        return subprocess.CompletedProcess([*words], code, **said)

    def close(self) -> None:
        """Let it end."""
        self._server.communicate()


def _become(program: Callable[[], object], start: Mapping[str, Any]) -> None:
    for number, (name, flags) in enumerate(
        (
            (os.devnull, os.O_RDONLY),
            (start["stdout"], os.O_WRONLY | os.O_CREAT),
            (start["stderr"], os.O_WRONLY | os.O_CREAT),
        )
    ):
        os.dup2(os.open(name, flags), number)
    os.chdir(start["folder"])
    os.environ.clear()
    os.environ.update(start["env"])
    sys.argv[1:] = start["words"]
    program()


def _serve(program: str, imports: Sequence[str]) -> None:
    for one in imports:
        importlib.import_module(one)
    module, _, name = program.partition(":")
    sys.path[0] = ""  # as with `python -m`
    # Not by the buffers of Python: a fork must not find lines there.
    with os.fdopen(os.dup(0), "rb", 0) as starts:
        while line := starts.readline():
            if (child := os.fork()) == 0:
                _become(getattr(importlib.import_module(module), name), json.loads(line))
                return
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.write(1, f"{code}\n".encode())


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2:])
