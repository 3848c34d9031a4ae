"""The topics that every worker reads as a whole, including added partitions."""

from __future__ import annotations

from collections.abc import Iterable

from streamhooks.backlog.stretches import Stretches
from streamhooks.delayed.known_tasks import KnownTasks
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.counts import Counts
from streamhooks.kafka.partitions import partition_of
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table


class Partitions:
    """The partitions of the topics, whose number may grow. `counts` is by topic name without the prefix."""

    def __init__(self, prefix: str, counts: Counts) -> None:
        self._prefix = prefix
        self._counts = dict(counts)

    def learn(self, counts: Counts) -> None:
        """Update the partition counts of these topics."""
        self._counts |= counts

    def all_of(self, *names: str) -> list[TP]:
        """Return all partitions of these topics."""
        return [(self._prefix + name, number) for name in names for number in range(self._counts[name])]

    def of_key(self, name: str, key: str) -> TP:
        """Return the partition of a key."""
        return self._prefix + name, partition_of(key, self._counts[name])

    def of_hook(self, hook_id: str) -> list[TP]:
        """Return the partitions with the records of a hook."""
        return [self.of_key(name, hook_id) for name in ("hooks", "hook-states")]


class HookRecords(Table):
    """`hooks` and `hook-states`, which one reader reads. The second also has stretches, and tasks of owners."""

    def __init__(
        self, hooks: HooksTable, hooks_topic: str, stretches: Stretches, tasks: KnownTasks, partitions: Partitions
    ) -> None:
        self._hooks = hooks
        self._hooks_topic = hooks_topic
        self._stretches = stretches
        self._tasks = tasks
        self._partitions = partitions

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records; return the broken ones, each with the reason."""
        of_hooks: list[Record] = []
        of_stretches: list[Record] = []
        of_tasks: list[Record] = []
        for record in records:
            if record.topic == self._hooks_topic:
                of_hooks.append(record)
            elif KnownTasks.holds(record):
                of_tasks.append(record)
            else:
                (of_stretches if Stretches.holds(record) else of_hooks).append(record)
        broken = self._hooks.apply(of_hooks) + self._stretches.apply(of_stretches)
        return broken + self._tasks.apply(of_tasks)

    def keys(self, tp: TP) -> Iterable[bytes]:
        """Return the current keys of a partition."""
        if tp[0] == self._hooks_topic:
            return [hook.id.encode() for hook in self._hooks]
        keys = [*self._hooks.found_about(), *(stretch.key for stretch in self._stretches), *self._tasks.keys()]
        return [key.encode() for key in keys if self._partitions.of_key("hook-states", key) == tp]

    def begin_anew(self, tp: TP) -> None:
        """Forget the revisions of hooks, because their log was recreated or truncated."""
        if tp[0] == self._hooks_topic:
            self._hooks.revisions.begin_anew()
