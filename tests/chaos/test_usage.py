"""What a worker takes, and whether that grows."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.usage import KINDS, Life, Usage, trends

MEBI = 1024 * 1024


def samples(number: int = 80, **rising: float) -> list[Usage]:
    """Return what is flat but for what rises by so much in all; the start takes most."""
    flat = {"memory": 150 * MEBI, "files": 20, "threads": 30, "sockets": 40}
    return [
        Usage(
            float(n),
            **{
                kind: int(value + rising.get(kind, 0) * n / number) + (value if n < 10 else 0)
                for kind, value in flat.items()
            },
        )
        for n in range(number)
    ]


def test_what_is_flat_does_not_grow_whatever_the_start_took():
    found = trends(samples())
    assert [one.kind for one in found] == list(KINDS)
    assert not any(one.grows for one in found)
    assert found[0].before == found[0].after == 150 * MEBI
    assert found[0].most == 300 * MEBI


@pytest.mark.parametrize(
    ("kind", "by"), [("memory", 200 * MEBI), ("files", 40), ("threads", 60), ("sockets", 60)], ids=KINDS
)
def test_what_rises_grows(kind: str, by: float):
    assert [one.kind for one in trends(samples(**{kind: by})) if one.grows] == [kind]


def test_a_short_life_tells_nothing():
    assert trends(samples(39)) == []


def test_only_a_long_life_is_judged():
    found = samples(80, sockets=60)
    assert Life("worker-0", 1, 0.0, samples=found).growing() == []
    long = [replace(one, at=one.at * 30) for one in found]
    assert [one.kind for one in Life("worker-0", 1, 0.0, samples=long).growing()] == ["sockets"]
    assert Life("worker-0", 1, 0.0, samples=[]).growing() == []


def test_this_process_is_seen(tmp_path: Path):
    life = Life("worker-0", os.getpid(), 0.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        (tmp_path / "file").open("w"),
    ):
        assert life.look(time.time(), server.getsockname()[1]) > MEBI
        assert life.ports == {client.getsockname()[1]}
        [seen] = life.samples
        assert seen.sockets >= 2
        assert seen.files >= 1
        assert seen.threads >= 1
        # Not each look is kept, and each port is.
        with socket.create_connection(server.getsockname()) as other:
            life.look(time.time(), server.getsockname()[1])
            assert life.ports == {client.getsockname()[1], other.getsockname()[1]}
        assert life.samples == [seen]


def test_samples_are_written_once_each(tmp_path):
    life, file = Life("worker-0", os.getpid(), 0.0), tmp_path / "usage.csv"
    for at in (100.0, 200.0):
        life.samples.append(Usage(at, 1, 2, 3, 4))
        life.write(file)
        life.write(file)
    assert file.read_text() == "100,1,2,3,4\n200,1,2,3,4\n"
