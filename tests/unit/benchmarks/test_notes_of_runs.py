from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import noting


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_NOTES", str(tmp_path))
    return tmp_path


def test_a_note_says_which_call_ran_and_when(folder: Path) -> None:
    noting.note(7, 12.5)
    noting.note(8, 13.5)
    first, second = noting.read(folder)
    assert (first.number, first.made, second.number) == (7, 12.5, 8)
    assert first.made < first.ran <= second.ran


def test_each_process_has_a_file_of_its_own(folder: Path) -> None:
    noting.note(1, 0.0)
    if not (child := os.fork()):
        noting.note(2, 0.0)
        os._exit(0)
    os.waitpid(child, 0)
    assert {path.name for path in folder.iterdir()} == {str(os.getpid()), str(child)}
    assert {note.number for note in noting.read(folder)} == {1, 2}


def test_what_was_forgotten_does_not_come_back_with_the_next_note(folder: Path) -> None:
    noting.note(1, 0.0)
    noting.forget(folder)
    assert noting.read(folder) == []
    noting.note(2, 0.0)
    assert [note.number for note in noting.read(folder)] == [2]


def test_half_a_note_is_left_out(folder: Path) -> None:
    noting.note(1, 0.0)
    with (folder / str(os.getpid())).open("ab") as file:
        file.write(b"half")
    assert [note.number for note in noting.read(folder)] == [1]
