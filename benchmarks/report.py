"""The result of a benchmark, as a table and as JSON."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.statistics import Spread

#: a terminal shows no more beside each other
_COLUMNS = 8
ROOT = Path(__file__).parents[1]

_PACKAGES = (
    "streamhooks", "faust-streaming", "aiokafka", "aiohttp", "confluent-kafka", "uvloop", "orjson", "celery",
    "requests", "redis", "taskiq", "taskiq-redis",
)  # fmt: skip


@dataclass(frozen=True)
class Bars:
    """A plot: bars of one measure; `spreads` -- their quartiles, if they have any."""

    title: str
    labels: Sequence[str]
    values: Sequence[float]
    spreads: Sequence[Spread] = ()


@dataclass(frozen=True)
class Result:
    """rows -- of the table, all with the same columns. notes -- lines below it. bars -- plots.

    rounds -- what each round found, by sender: only in the JSON.
    """

    name: str
    title: str
    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    bars: Sequence[Bars] = field(default_factory=tuple)
    rounds: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: commit, processor, cores, memory, load, versions."""
    return {
        **commit_of(ROOT),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load": [round(one, 2) for one in psutil.getloadavg()],
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def commit_of(checkout: Path) -> dict[str, Any]:
    """Return the `commit` of a checkout and whether it is `dirty`: has changes beside `benchmarks/results`.

    Return nothing where there is no repository, or no git.
    """
    try:
        commit = _git(checkout, "rev-parse", "HEAD").strip()
        changed = _git(checkout, "status", "--porcelain", "--", ".", ":(exclude)benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": commit, "dirty": bool(changed)}


def show(console: Console, result: Result) -> None:
    """Print the table and its notes; a row with many columns becomes a column."""
    table = Table(title=result.title, title_justify="left")
    lines = [
        list(result.rows[0]) if result.rows else [],
        *[[_text(value) for value in row.values()] for row in result.rows],
    ]
    if len(lines[0]) > _COLUMNS:
        lines = [list(line) for line in zip(*lines, strict=True)]
    for position, column in enumerate(lines[0]):
        table.add_column(column, justify="right" if position else "left", no_wrap=not position)
    for line in lines[1:]:
        table.add_row(*line)
    console.print(table)
    for note in result.notes:
        console.print(f"  {note}", style="dim", highlight=False)


def save(folder: Path, result: Result, about: Mapping[str, Any]) -> Path:
    """Write `<name>.json` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_bytes(orjson.dumps({"machine": about, **asdict(result)}, option=orjson.OPT_INDENT_2))
    return path


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else "–" if value is None else str(value)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
