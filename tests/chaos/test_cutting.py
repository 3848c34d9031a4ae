"""A log is cut between two batches."""

from __future__ import annotations

import pytest

from chaos.cutting import cut


def batch(offset: int, size: int) -> bytes:
    return offset.to_bytes(8, "big") + size.to_bytes(4, "big") + b"x" * size


@pytest.mark.parametrize(("batches", "left"), [(1, 2), (2, 1), (3, 0), (9, 0)])
def test_the_last_batches_go(tmp_path, batches, left):
    whole = [batch(0, 50), batch(7, 20), batch(9, 30)]
    (tmp_path / f"{0:020d}.log").write_bytes(b"".join(whole))
    (tmp_path / f"{0:020d}.index").write_bytes(b"derived")
    cut(tmp_path, batches)
    assert (tmp_path / f"{0:020d}.log").read_bytes() == b"".join(whole[:left])
    assert not list(tmp_path.glob("*.index"))


def test_the_newest_segment_that_holds_something_is_cut(tmp_path):
    old, new, empty = (tmp_path / f"{number:020d}.log" for number in (0, 5, 9))
    old.write_bytes(batch(0, 50))
    new.write_bytes(batch(5, 50) + batch(7, 10))
    empty.write_bytes(b"")
    cut(tmp_path, 1)
    assert (old.read_bytes(), new.read_bytes()) == (batch(0, 50), batch(5, 50))


def test_what_is_half_written_goes_with_the_last(tmp_path):
    log = tmp_path / f"{0:020d}.log"
    log.write_bytes(batch(0, 50) + batch(1, 50)[:30])
    cut(tmp_path, 1)
    assert log.read_bytes() == batch(0, 50)
