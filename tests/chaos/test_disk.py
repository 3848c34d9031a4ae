"""A disk that can be full, where this machine lets us make one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.disk import SmallDisk
from chaos.plan import Plan, deck
from chaos.run import with_disk


def test_a_disk_is_full_and_has_room_again(tmp_path: Path):
    folder = tmp_path / "data"
    try:
        disk = SmallDisk(folder)
    except OSError as error:
        pytest.skip(f"no file system can be made here: {error}")
    try:
        (folder / "one").write_bytes(b"x" * 100_000)
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (folder / "two").write_bytes(b"x" * 100_000)
        assert (folder / "one").read_bytes() == b"x" * 100_000
        disk.make_room()
        (folder / "two").write_bytes(b"x" * 100_000)
    finally:
        disk.close()
    assert list(folder.iterdir()) == []


def test_where_no_disk_can_be_made_that_kind_is_left_out_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    plan, disk, left_out = with_disk(Plan(1, faults=deck(["full disk", "kill"])), tmp_path / "kafka")
    assert (plan.faults, disk) == ({"kill": 1}, None)
    assert [one.partition(":")[0] for one in left_out] == ["full disk"]
    with pytest.raises(ValueError, match="nothing else to do"):
        with_disk(Plan(1, faults=deck(["full disk"])), tmp_path / "other")


def test_a_plan_that_fills_no_disk_needs_none(tmp_path: Path):
    plan = Plan(1)
    assert with_disk(plan, tmp_path) == (plan, None, ())
