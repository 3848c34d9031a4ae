"""What runs as a task in `tasks`: it notes which call ran, when the call was made, and when it runs.

Each process appends to a file of its own in the folder `BENCH_NOTES`, so that a note costs the same for every system.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_NOTE = struct.Struct("<qdd")


@dataclass(frozen=True)
class Note:
    """A run of the call `number`; `made` and `ran` are epoch seconds."""

    number: int
    made: float
    ran: float


def note(number: int, made: float) -> None:
    """Append a note of a run."""
    os.write(_file(os.environ["BENCH_NOTES"], os.getpid()), _NOTE.pack(number, made, time.time()))


def read(folder: Path) -> list[Note]:
    """Return all notes; one that is being written is left out."""
    notes = []
    for path in folder.iterdir():
        data = path.read_bytes()
        notes += [Note(*values) for values in _NOTE.iter_unpack(data[: len(data) // _NOTE.size * _NOTE.size])]
    return notes


def forget(folder: Path) -> None:
    """Remove all notes; the processes go on in their files."""
    for path in folder.iterdir():
        os.truncate(path, 0)


@cache
def _file(folder: str, pid: int) -> int:
    return os.open(Path(folder) / str(pid), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
