"""Which tasks of users the owner of each partition of `delayed` knows: records of `hook-states` that each owner writes.

A record is about a partition, not about a worker. So it needs no address and no sign of life: the next owner replaces
it, and each partition has an owner as long as there is a worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import Record
from streamhooks.records.packing import parse_json

_PREFIX: Final = "tasks-of-partition:"


def key_of(partition: int) -> str:
    """Return the key of the record about a partition of `delayed`."""
    return f"{_PREFIX}{partition}"


def value_of(tasks: Iterable[str]) -> bytes:
    """Return the value of a record that names these tasks."""
    return orjson.dumps({"tasks": sorted(tasks)})


class KnownTasks:
    """The tasks by partition, on every worker."""

    def __init__(self) -> None:
        self._of: dict[int, frozenset[str]] = {}

    @staticmethod
    def holds(record: Record) -> bool:
        """Tell whether a record of `hook-states` is about the tasks of an owner."""
        return (record.key or b"").startswith(_PREFIX.encode())

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records; return the broken ones, each with its reason. Then the owner is known by its last one."""
        return broken_among(records, self._apply)

    def _apply(self, record: Record) -> None:
        number = (record.key or b"").decode("utf-8", "replace").removeprefix(_PREFIX)
        if not (number.isascii() and number.isdigit()):
            raise BrokenRecord("the key names no partition")
        if record.value is None:
            self._of.pop(int(number), None)
            return
        fields = parse_json(record.value, exact=False)
        tasks = fields.get("tasks") if isinstance(fields, dict) else None
        if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
            raise BrokenRecord("tasks: must be a list of texts")
        self._of[int(number)] = frozenset(tasks)

    def of(self, partition: int) -> frozenset[str]:
        """Return the tasks that the owner of a partition knows."""
        return self._of.get(partition, frozenset())

    def able(self, task: str) -> list[int]:
        """Return the partitions whose owners know a task, in order."""
        return sorted(partition for partition, tasks in self._of.items() if task in tasks)

    def keys(self) -> list[str]:
        """Return the keys of all records."""
        return [key_of(partition) for partition in self._of]
