"""The owners of partitions, by the assignments of the two groups."""

from __future__ import annotations

from streamhooks.faust_patches.app import App
from streamhooks.kafka.partitions import Partitioner
from streamhooks.kafka.topics import Topics


class Ownership:
    """Answers for both apps; `partitions` is the partition count of `delayed` and of `firings`."""

    def __init__(self, app: App, counting_app: App, topics: Topics, partitions: int) -> None:
        self._app = app
        self._counting_app = counting_app
        self._topics = topics
        self._floors: dict[App, dict[tuple[str, int], int]] = {}
        self.partitions = partitions
        self.partitioner = Partitioner(partitions)
        self.partition_of = self.partitioner.of

    def is_mine(self, topic: str, partition: int) -> bool:
        """Tell whether this worker owns the partition."""
        return self._app_of(topic).is_mine(topic, partition)

    def is_owner(self, hook_id: str) -> bool:
        """Tell whether this worker owns the hook, that is, its partition of `delayed`."""
        return self.is_mine(self._topics.delayed, self.partition_of(hook_id))

    def own_delayed(self) -> list[int]:
        """Return the partitions of `delayed` that this worker owns, and that no other may have taken over."""
        mine = [number for number in range(self.partitions) if self.is_mine(self._topics.delayed, number)]
        return mine if self.holds_lease() and not self._app.rebalancing else []

    def may_write(self, hook_id: str) -> bool:
        """Tell whether this worker owns the hook, and no other can have become its owner."""
        return self.is_owner(hook_id) and self.holds_lease()

    def holds_lease(self) -> bool:
        """Tell whether the group still knows this worker."""
        return self._app.gate.holds_lease

    def holds_counting(self) -> bool:
        """Tell whether the counting group still knows this worker, and is not rebalancing."""
        return self._counting_app.gate.holds_lease and not self._counting_app.rebalancing

    def topic_id(self, tp: tuple[str, int]) -> str:
        """Return the topic id of a partition of ours, as it is read; empty if unknown."""
        return self._app_of(tp[0]).topic_id(tp)

    def tells_of(self, tp: tuple[str, int]) -> bool:
        """Tell whether this worker writes dead letters and notices about a partition that several workers read."""
        topic, partition = tp
        if topic in (self._topics.delayed, self._topics.letter_states):
            return self.is_mine(self._topics.delayed, partition)
        if topic == self._topics.resources:
            return self.is_mine(self._topics.resource_changes, partition)
        return self.is_mine(self._topics.delayed, 0)

    def owner_of(self, topic: str, partition: int) -> str | None:
        """Return the base URL of the partition's owner; None during a rebalance."""
        return self._app_of(topic).owner_of(topic, partition)

    def workers(self) -> list[str]:
        """Return the base URLs of all known workers."""
        return self._app.workers()

    def floors(self) -> dict[tuple[str, int], int]:
        """Return our partitions, each with the offset below which everything is settled.

        During a rebalance this includes the previous ones, because no other worker reports their lag.
        """
        for app in (self._app, self._counting_app):
            floors = app.tracker.floors()
            self._floors[app] = self._floors.get(app, {}) | floors if app.gate.reasons else floors
        return {tp: floor for floors in self._floors.values() for tp, floor in floors.items()}

    def _app_of(self, topic: str) -> App:
        return self._counting_app if topic == self._topics.firings else self._app
