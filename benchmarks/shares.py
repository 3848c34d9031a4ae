"""A share of CPU for a process of its own: a control group with a quota, of version 2 or version 1 (Linux, as root).

Several workers on one machine compete for its cores with Kafka and the receiver. Held to a share each, they do not,
and two can be compared with one. `taskset` can't do that: workers on one core share it with whatever else runs there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.processes import tree
from streamhooks.errors import Refusal

_ROOT = Path("/sys/fs/cgroup")
#: µs; a short period, so that a worker is not paused for long
_PERIOD = 10_000
_FIRST = ("cpu", "cpu,cpuacct")


@contextmanager
def held_to(share: float, pids: Iterable[int], root: Path = _ROOT) -> Iterator[None]:
    """Hold each process, with its children, to `share` of a core during the block.

    Raises:
        Refusal: this can't be had here.

    """
    made: list[Path] = []
    try:
        try:
            parent, limits = found(root, share)
            for pid in pids:
                made.append(parent / f"streamhooks-bench-{pid}")
                _confine(pid, made[-1], limits)
        except OSError as error:
            raise Refusal(f"no share of CPU per worker: {error}; it takes root and writable control groups") from None
        yield
    finally:
        for group in made:
            _remove(group)


def found(root: Path, share: float) -> tuple[Path, dict[str, str]]:
    """Return where groups are made, and what is written into one to hold it to the share."""
    quota = str(round(_PERIOD * share))
    controllers = root / "cgroup.controllers"
    if controllers.exists() and "cpu" in controllers.read_text().split():
        (root / "cgroup.subtree_control").write_text("+cpu")
        return root, {"cpu.max": f"{quota} {_PERIOD}"}
    for name in _FIRST:
        if (root / name / "cgroup.procs").exists():
            return root / name, {"cpu.cfs_period_us": str(_PERIOD), "cpu.cfs_quota_us": quota}
    raise Refusal(f"no share of CPU per worker: {root} has no controller `cpu`")


def _confine(pid: int, group: Path, limits: dict[str, str]) -> None:
    group.mkdir()
    for name, text in limits.items():
        (group / name).write_text(text)
    for one in tree(pid):
        (group / "cgroup.procs").write_text(str(one))


def _remove(group: Path) -> None:
    """Move what is left in a group back to its parent, and remove it."""
    if group.exists():
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):  # it has ended
                (group.parent / "cgroup.procs").write_text(pid)
        group.rmdir()
