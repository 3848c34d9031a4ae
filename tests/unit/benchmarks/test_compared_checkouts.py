from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import compare
from benchmarks.stage import ROOT, Checkout
from streamhooks.errors import Refusal


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "old" / "streamhooks").mkdir(parents=True)
    (tmp_path / "old" / "streamhooks" / "__init__.py").write_text("")
    return tmp_path / "old"


def test_a_checkout_without_an_environment_runs_with_this_python(checkout: Path) -> None:
    assert compare.checkout(checkout) == Checkout(sys.executable, checkout)


def test_a_checkout_runs_with_the_python_of_its_own_environment(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    assert compare.checkout(checkout) == Checkout(str(python), checkout)


def test_an_environment_runs_what_is_installed_in_it(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("")
    assert compare.checkout(tmp_path) == Checkout(str(tmp_path / "bin" / "python"), None)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="neither a checkout of streamhooks nor a virtual environment"):
        compare.checkout(tmp_path)
    said = CliRunner().invoke(compare.main, [str(tmp_path)])
    assert said.exit_code == 1
    assert "neither" in said.output


def test_the_code_of_a_checkout_is_its_own_and_not_what_is_installed(checkout: Path) -> None:
    found = compare.code_of(Checkout(sys.executable, checkout))
    assert found["folder"] == str(checkout)


def test_the_code_of_an_environment_is_what_is_installed_in_it() -> None:
    assert compare.code_of(Checkout(sys.executable, None))["folder"] == str(ROOT)


def test_an_environment_without_streamhooks_is_refused(tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=False)
    with pytest.raises(Refusal, match="has no streamhooks"):
        compare.code_of(compare.checkout(tmp_path / "empty"))


def test_the_names_are_the_ends_in_which_the_folders_differ() -> None:
    assert compare.names_of([Path("/a/old"), Path("/a/new")]) == ["old", "new"]
    assert compare.names_of([Path("/old/.venv"), Path("/new/.venv")]) == ["old/.venv", "new/.venv"]
    assert len(set(compare.names_of([Path("/a/same"), Path("/a/same")]))) == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [(["--https"], "--https is for the addresses of --hosts"), (["--rate", "9", "--fan-out", "2"], "--fan-out is for")],
)
def test_options_that_say_nothing_together_are_refused(options: list[str], text: str) -> None:
    said = CliRunner().invoke(compare.main, [str(ROOT), *options])
    assert said.exit_code == 1
    assert text in said.output


def test_compare_is_a_command_of_the_benchmarks() -> None:
    command = [sys.executable, "-m", "benchmarks", "compare", "--help"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "python -m benchmarks compare" in said
    assert "--rate" in said
