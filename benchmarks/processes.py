"""The processes of a benchmark: their CPU and memory, and pausing them while events are queued."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


def _trees(pids: Iterable[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            yield root
            yield from root.children(recursive=True)


def tree(pid: int) -> list[int]:
    """Return the ids of a process and its children."""
    return [process.pid for process in _trees([pid])]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds of these processes and their children so far: user and system time of all threads."""
    total = 0.0
    for process in _trees(pids):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def thread_seconds(pid: int) -> dict[str, float]:
    """Return the CPU seconds of a process so far: its `main` thread, those of `librdkafka`, the `others` (Linux)."""
    taken = {"main": 0.0, "librdkafka": 0.0, "others": 0.0}
    for thread in psutil.Process(pid).threads():
        name = Path(f"/proc/{pid}/task/{thread.id}/comm").read_text()
        group = "main" if thread.id == pid else "librdkafka" if name.startswith("rdk:") else "others"
        taken[group] += thread.user_time + thread.system_time
    return taken


def main_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds of the main threads of these processes so far (Linux)."""
    return sum(thread_seconds(pid)["main"] for pid in pids)


def waited_seconds(pid: int) -> float:
    """Return how long the main thread of a process was runnable without a core, in seconds (Linux)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def memory_bytes(pids: Iterable[int]) -> int:
    """Return the resident memory of these processes and their children, in bytes."""
    return sum(process.memory_info().rss for process in _trees(pids))


@contextmanager
def held_back(pids: Iterable[int]) -> Iterator[None]:
    """Pause these processes and their children during the block, which must be far shorter than a session timeout."""
    stopped = list(_trees(pids))
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


class CpuMeter:
    """The CPU used by named groups of processes from here on."""

    def __init__(self, groups: Mapping[str, Iterable[int]]) -> None:
        self._groups = {name: list(pids) for name, pids in groups.items()}
        self._before = {name: cpu_seconds(pids) for name, pids in self._groups.items()}

    def taken(self) -> dict[str, float]:
        """Return the CPU seconds of each group."""
        return {name: cpu_seconds(pids) - self._before[name] for name, pids in self._groups.items()}
