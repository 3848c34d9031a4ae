"""The result of a benchmark, as a table and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson
import psutil
from rich.console import Console
from rich.table import Table

_PACKAGES = (
    "streamhooks", "faust-streaming", "aiokafka", "aiohttp", "confluent-kafka", "uvloop", "orjson", "celery",
    "requests",
)  # fmt: skip


@dataclass(frozen=True)
class Bars:
    """A plot: bars of one measure."""

    title: str
    labels: Sequence[str]
    values: Sequence[float]


@dataclass(frozen=True)
class Result:
    """rows -- of the table, all with the same columns. notes -- lines below it. bars -- plots."""

    name: str
    title: str
    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    bars: Sequence[Bars] = field(default_factory=tuple)


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: processor, cores, memory, load, versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load": [round(one, 2) for one in psutil.getloadavg()],
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: found for name in _PACKAGES if (found := _version(name))},
    }


def show(console: Console, result: Result) -> None:
    """Print the table and its notes."""
    table = Table(title=result.title, title_justify="left")
    for position, column in enumerate(result.rows[0] if result.rows else ()):
        table.add_column(column, justify="right" if position else "left", no_wrap=not position)
    for row in result.rows:
        table.add_row(*map(_text, row.values()))
    console.print(table)
    for note in result.notes:
        console.print(f"  {note}", style="dim", highlight=False)


def save(folder: Path, result: Result, about: Mapping[str, Any]) -> Path:
    """Write `<name>.json` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_bytes(orjson.dumps({"machine": about, **asdict(result)}, option=orjson.OPT_INDENT_2))
    return path


def _text(value: Any) -> str:
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
