from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import shares
from streamhooks.errors import Refusal


@pytest.fixture
def process() -> Iterator[int]:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield child.pid
    child.kill()
    child.wait()


def groups_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


def test_version_2_has_a_quota_and_a_period_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io\n")
    parent, limits = shares.found(tmp_path, 0.3)
    assert parent == tmp_path
    assert limits == {"cpu.max": "3000 10000"}
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"


@pytest.mark.parametrize("name", ["cpu", "cpu,cpuacct"])
def test_version_1_has_two_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "cgroup.controllers").write_text("\n")  # of a version 2 beside it, without controllers
    (tmp_path / name).mkdir()
    (tmp_path / name / "cgroup.procs").write_text("")
    parent, limits = shares.found(tmp_path, 0.25)
    assert parent == tmp_path / name
    assert limits == {"cpu.cfs_period_us": "10000", "cpu.cfs_quota_us": "2500"}


def test_it_says_so_where_there_are_no_control_groups(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no controller"), shares.held_to(0.3, [os.getpid()], tmp_path):
        pytest.fail("it must not begin")


def test_it_says_so_where_they_are_not_writable(tmp_path: Path, process: int) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu\n")
    (tmp_path / "cgroup.subtree_control").mkdir()  # what can't be written, not even by root
    with pytest.raises(Refusal, match="writable control groups"), shares.held_to(0.3, [process], tmp_path):
        pytest.fail("it must not begin")


def test_a_process_is_in_a_group_of_its_own_for_a_while(process: int) -> None:
    before = groups_of(process)
    try:
        with shares.held_to(0.3, [process]):
            assert f"streamhooks-bench-{process}" in groups_of(process)
    except Refusal as refusal:
        pytest.skip(str(refusal))
    assert groups_of(process) == before
