from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def test_a_benchmark_runs_and_tells_what_it_found(tmp_path: Path) -> None:
    # Redis and Celery are not everybody's: without them it must say so and go on.
    environment = os.environ | {"PATH": "", "COLUMNS": "200"}
    command = [sys.executable, "-m", "benchmarks", "deliver", "--quick", "--results", str(tmp_path)]
    ended = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "deliver.json").read_text())
    rows = {row["sender"]: row for row in found["rows"]}
    assert set(rows) == {"naive x 1", "streamhooks x 1"}
    assert all(row["deliveries/s"] > 0 and row["CPU µs, sender and broker"] > 0 for row in rows.values())
    assert rows["streamhooks x 1"]["doubles"] == 0
    assert found["machine"]["cores"]
