from __future__ import annotations

from collections import Counter

import pytest

from benchmarks import sample
from benchmarks.receiver import addresses
from streamhooks.kafka.partitions import partition_of


@pytest.mark.parametrize(("each", "partitions"), [(6, 8), (2, 500)])
def test_each_partition_has_as_many_projects(each: int, partitions: int) -> None:
    projects = sample.even_projects(each, partitions)
    assert len(set(projects)) == each * partitions
    assert set(Counter(partition_of(project, partitions) for project in projects).values()) == {each}


def test_partitions_take_turns() -> None:
    projects = sample.even_projects(3, 8)
    assert [partition_of(project, 8) for project in projects] == [*range(8)] * 3


def test_hooks_take_turns_among_the_hosts() -> None:
    hooks = sample.hooks(["http://127.1.0.1:1", "http://127.1.0.2:1"], {"1": 1, "2": 2})
    assert [hook.url for hook in hooks] == [
        "http://127.1.0.1:1/hook/1/0",
        "http://127.1.0.2:1/hook/2/0",
        "http://127.1.0.1:1/hook/2/1",
    ]


def test_each_host_has_an_address_of_its_own() -> None:
    found = addresses(1000)
    assert len(set(found)) == 1000
    assert found[0] == "127.1.0.1"
    assert found[-1] == "127.1.3.250"
