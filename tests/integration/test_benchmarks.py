from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


def run(name: str, folder: Path, *more: str) -> dict[str, Any]:
    # Redis and Celery are not everybody's: without them it must say so and go on.
    environment = os.environ | {"PATH": "", "COLUMNS": "200"}
    command = [sys.executable, "-m", "benchmarks", name, *more, "--quick", "--results", str(folder)]
    ended = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads((folder / f"{name}.json").read_text())


def test_a_benchmark_runs_without_the_peers_and_tells_what_it_found(tmp_path: Path) -> None:
    found = run("deliver-peers", tmp_path)
    rows = {row["sender"]: row for row in found["rows"]}
    assert set(rows) == {"naive x 1", "streamhooks x 1"}
    assert all(row["deliveries/s"] > 0 and row["CPU µs, sender and broker"] > 0 for row in rows.values())
    assert rows["streamhooks x 1"]["duplicates"] == 0
    assert found["machine"]["cores"]
    assert [note for note in found["notes"] if note.startswith("celery: skipped")]


def test_each_endpoint_that_misbehaves_is_called_as_often(tmp_path: Path) -> None:
    rows = {row["endpoint"]: row for row in run("neighbours", tmp_path)["rows"]}
    assert set(rows) == {"floods", "drips", "headers", "twice", "resets"}
    assert all(row["deliveries/s"] > 0 and row["deliveries/s without"] > 0 for row in rows.values())
    assert all(row["requests to it"] >= 10 for row in rows.values())


def test_calls_of_tasks_are_counted_once_without_the_peers(tmp_path: Path) -> None:
    found = run("tasks", tmp_path)
    rows = {row["system"]: row for row in found["rows"]}
    assert set(rows) == {"streamhooks, async def", "streamhooks, def"}
    assert all(row["made/s"] > 0 and row["run/s"] > 0 and row["p50, ms"] > 0 for row in rows.values())
    assert all(row["runs twice"] == 0 for row in rows.values())
    assert [note for note in found["notes"] if note.startswith(("celery: skipped", "taskiq: skipped"))]


def test_the_workers_of_two_checkouts_are_compared(tmp_path: Path) -> None:
    (tmp_path / "old").symlink_to(_ROOT)
    found = run("compare", tmp_path, str(tmp_path / "old"), str(_ROOT), "--hooks", "16", "--events", "200")
    assert [row["sender"] for row in found["rows"]] == ["naive x 1", "old", _ROOT.name]
    assert all(row["deliveries/s"] > 0 for row in found["rows"])
    assert set(found["machine"]["compared"]) == {"old", _ROOT.name}
