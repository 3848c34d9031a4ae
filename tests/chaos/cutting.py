"""What a power cut does to a broker's files: the end of a log that was confirmed and not yet on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

# The head of a batch: the first offset (8 bytes) and the length of what follows the length (4 bytes).
_HEAD = 12


def cut(folder: Path, batches: int) -> None:
    """Take the last batches from the log in a partition's folder; its broker must be down and has been killed.

    Only the newest segment that holds something is cut. What Kafka derives from it is removed, and made again.
    """
    for segment in sorted(folder.glob("*.log"), reverse=True):
        starts = _starts(segment)
        if starts:
            left = starts[max(0, len(starts) - batches)]
            with segment.open("r+b") as file:
                file.truncate(left)
            break
    for derived in (*folder.glob("*.index"), *folder.glob("*.timeindex"), *folder.glob("*.snapshot")):
        derived.unlink()


def _starts(segment: Path) -> list[int]:
    """Return where each batch begins."""
    data, starts, at = segment.read_bytes(), [], 0
    while at + _HEAD <= len(data):
        length = int.from_bytes(data[at + 8 : at + _HEAD], "big")
        if not length:
            break
        starts.append(at)
        at += _HEAD + length
    return starts


def remove(folders: Iterable[Path]) -> None:
    """Remove the folders of partitions, as a disk that was replaced has lost them; their broker must be down."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
