from __future__ import annotations

import io
import subprocess
from importlib import import_module
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from benchmarks.__main__ import CASES, EXTRA
from benchmarks.draining import Drain
from benchmarks.report import Result, commit_of, save, show


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "code.py").write_text("1")
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "benchmarks" / "results" / "deliver.json").write_text("{}")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_result_says_of_which_commit_it_is(checkout: Path) -> None:
    assert commit_of(checkout) == {"commit": git(checkout, "rev-parse", "HEAD").strip(), "dirty": False}


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_changed_and_new_files_make_it_dirty(checkout: Path, name: str) -> None:
    (checkout / name).write_text("2")
    assert commit_of(checkout)["dirty"] is True


def test_results_of_the_benchmark_before_do_not(checkout: Path) -> None:
    (checkout / "benchmarks" / "results" / "deliver.json").write_text("[]")
    (checkout / "benchmarks" / "results" / "deliver.png").write_text("")
    assert commit_of(checkout)["dirty"] is False


def test_without_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_of(tmp_path) == {}
    monkeypatch.setenv("PATH", "")
    assert commit_of(tmp_path) == {}


def test_the_json_has_each_round(tmp_path: Path) -> None:
    result = Result("deliver", "title", [{"a": 1}], rounds={"naive": [Drain(10, 5.0, 0, {"sender": 1.0})]})
    found = orjson.loads(save(tmp_path, result, {"commit": "abc", "dirty": True}).read_bytes())
    assert found["machine"] == {"commit": "abc", "dirty": True}
    assert found["rounds"]["naive"] == [{"deliveries": 10, "rate": 5.0, "duplicates": 0, "cpu": {"sender": 1.0}}]


@pytest.mark.parametrize("columns", [3, 12])
def test_a_wide_table_is_shown_whole_in_a_terminal(columns: int) -> None:
    rows = [{f"measure number {n}": 1000.0 * number + n for n in range(columns)} for number in (1, 2)]
    written = io.StringIO()
    show(Console(file=written, width=80), Result("name", "title", rows))
    for row in rows:
        for name, value in row.items():
            assert name in written.getvalue()
            assert f"{value:,.0f}" in written.getvalue()


@pytest.mark.parametrize("name", [*CASES, *EXTRA])
def test_each_benchmark_has_a_module_whose_first_line_names_it(name: str) -> None:
    case = import_module(f"benchmarks.cases.{name.replace('-', '_')}")
    assert callable(case.run)
    assert (case.__doc__ or "").startswith(f"`{name}`: ")
