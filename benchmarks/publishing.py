"""What is done with a result: it is shown, and written to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import plot
from benchmarks.report import Result, save, show


def publish(console: Console, results: Path, result: Result, about: Mapping[str, Any]) -> None:
    """Print a result, and write its JSON and its plot."""
    console.print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim", highlight=False)
    show(console, result)
    written = [save(results, result, about), *plot.save(results, result)]
    console.print("written: " + ", ".join(map(str, written)), style="dim", highlight=False)
