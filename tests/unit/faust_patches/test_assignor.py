"""No worker is left without a partition as long as there are enough of them, also when workers come and go."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from streamhooks.faust_patches.assignor import BalancedAssignor

TOPICS = ("delayed", "events")


class Group:
    """Members, each with its assignor; the first one of a round leads."""

    def __init__(self, partitions: int) -> None:
        self.counts: dict[str, int] = {}
        self.cluster = SimpleNamespace(
            partitions_for_topic=lambda topic: set(range(self.counts.get(topic, partitions)))
        )
        self.members: dict[str, BalancedAssignor] = {}
        self.topics: dict[str, set[str]] = {}

    def join(self, name: str, *further: str) -> None:
        """Let a member join, which knows these topics as well."""
        app = SimpleNamespace(
            conf=SimpleNamespace(canonical_url=URL(f"http://{name}")),
            tables=SimpleNamespace(data={}, changelog_topics=set()),
            tracer=None,
            sensors=SimpleNamespace(
                on_assignment_start=lambda _: None, on_assignment_completed=lambda *_: None, on_assignment_error=print
            ),
        )
        self.members[name] = BalancedAssignor(app, replicas=1)
        self.topics[name] = {*TOPICS, *further}

    def rebalance(self) -> dict[str, set[int]]:
        """Return the partitions of `delayed` by member."""
        told: dict[str, ConsumerProtocolMemberMetadata] = {
            name: member.metadata(self.topics[name]) for name, member in self.members.items()
        }
        leader = next(iter(self.members.values()))
        found: dict[str, ConsumerProtocolMemberAssignment] = leader.assign(self.cluster, told)
        for name, assignment in found.items():
            self.members[name].on_assignment(assignment)
        return self.owned("delayed")

    def owned(self, topic: str) -> dict[str, set[int]]:
        """Return the partitions of a topic by member."""
        return {name: {tp.partition for tp in one._active_tps if tp.topic == topic} for name, one in
                self.members.items()}  # fmt: skip


@pytest.mark.parametrize(("partitions", "workers"), [(4, 3), (8, 3), (8, 5), (8, 7), (8, 8), (1, 1)])
def test_each_worker_has_its_part(partitions: int, workers: int) -> None:
    group = Group(partitions)
    for number in range(workers):
        group.join(f"w{number}")
        found = group.rebalance()
        assert sorted(one for owned in found.values() for one in owned) == list(range(partitions))
        counts = sorted(len(owned) for owned in found.values())
        assert counts[-1] - counts[0] <= 1
    assert all(found.values())


def test_of_more_workers_than_partitions_each_partition_has_one() -> None:
    group = Group(2)
    for number in range(4):
        group.join(f"w{number}")
    assert sorted(one for owned in group.rebalance().values() for one in owned) == [0, 1]


def test_partitions_stay_where_they_are_when_nobody_comes_or_goes() -> None:
    group = Group(8)
    for number in range(3):
        group.join(f"w{number}")
    found = group.rebalance()
    assert group.rebalance() == found


def test_a_worker_that_goes_leaves_the_others_theirs() -> None:
    group = Group(8)
    for number in range(4):
        group.join(f"w{number}")
    before = group.rebalance()
    del group.members["w2"]
    after = group.rebalance()
    assert all(after[name] >= before[name] for name in after)
    assert group.members["w0"]._external_tps_url  # who owns what is told to all


@given(
    st.integers(1, 5),
    st.lists(st.sampled_from([(), ("orders",), ("refunds",), ("orders", "refunds")]), min_size=1, max_size=5),
    st.permutations(range(5)),
)
def test_a_topic_that_some_know_is_assigned_to_these_alone(
    partitions: int, known: list[tuple[str, ...]], order: list[int]
) -> None:
    # As in a rolling deploy that adds a topic: any member may lead, and any may come last.
    group = Group(partitions)
    for number in order:
        if number < len(known):
            group.join(f"w{number}", *known[number])
            group.rebalance()
    for topic in ("delayed", "orders", "refunds"):
        owned = group.owned(topic)
        is_known = any(topic in topics for topics in group.topics.values())
        assert sorted(one for mine in owned.values() for one in mine) == list(range(partitions if is_known else 0))
        assert all(not mine for name, mine in owned.items() if topic not in group.topics[name])


KNOWN = st.sets(st.sampled_from(["orders", "refunds"]))
#: a worker is started again with another file, ends, or a topic has another number of partitions
STEPS = st.one_of(
    st.tuples(st.just("start"), st.integers(0, 3), KNOWN),
    st.tuples(st.just("end"), st.integers(0, 3), st.just(None)),
    st.tuples(st.sampled_from(["orders", "refunds"]), st.integers(0, 8), st.just(None)),
)


@given(st.lists(STEPS, max_size=12))
def test_whatever_workers_know_and_topics_have_each_partition_has_one_owner_that_knows_it(
    steps: list[tuple[str, int, set[str] | None]],
) -> None:
    group = Group(4)
    group.counts = {"delayed": 8, "events": 4, "orders": 4, "refunds": 3}
    group.join("w0")
    for what, number, known in steps:
        name = f"w{number}"
        if what == "start":
            group.members.pop(name, None)  # it joins as another member, after the others
            group.join(name, *known or ())
        elif what == "end" and len(group.members) > 1:
            group.members.pop(name, None)
        elif what != "end":
            group.counts[what] = number
        group.rebalance()
        for topic, count in group.counts.items():
            owned = group.owned(topic)
            able = {one for one in owned if topic in group.topics[one]}
            assert all(not mine for one, mine in owned.items() if one not in able)
            assert sorted(one for mine in owned.values() for one in mine) == list(range(count if able else 0))


def test_a_worker_tells_the_leader_nothing_of_the_others() -> None:
    group = Group(100)
    sizes = []
    for number in range(20):
        group.join(f"w{number}")
        group.rebalance()
        sizes.append(len(group.members["w0"].metadata(set(TOPICS)).encode()))
    # It has fewer partitions to tell of with each worker that joins.
    assert sizes == sorted(sizes, reverse=True)
    assert group.members["w0"]._external_tps_url.keys() == {
        (topic, partition) for topic in TOPICS for partition in range(100)
    }
