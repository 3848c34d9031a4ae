"""No file is longer than what one reads at once."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST = 300


def test_no_file_has_more_than_300_lines() -> None:
    files = [
        path
        for folder in ("streamhooks", "tests", "benchmarks")
        for ending in ("py", "js", "css")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    assert len(files) > 500
    long = {
        str(path.relative_to(ROOT)): lines for path in files if (lines := len(path.read_text().splitlines())) > MOST
    }
    assert long == {}
