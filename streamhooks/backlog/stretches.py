"""What hooks have yet to get, known on every worker: stretches of source partitions, from the topic `hook-states`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import Record
from streamhooks.records.formats import decode
from streamhooks.records.stretch import Stretch

Write = Callable[[Stretch], Awaitable[None]]
"""Writes or removes a stretch, and returns when this worker's table has the change."""


class Stretches:
    """The stretches per hook."""

    def __init__(self) -> None:
        self._of_hooks: dict[str, dict[str, Stretch]] = {}

    @staticmethod
    def holds(record: Record) -> bool:
        """Tell whether a record of `hook-states` is about a stretch, not about a hook as a whole."""
        return b"/" in (record.key or b"")

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records.

        Returns: the broken ones, each with its reason; the previous version of such a stretch stays in force.
        """
        return broken_among(records, self._apply)

    def _apply(self, record: Record) -> None:
        hook_id, _, stretch_id = (record.key or b"").decode("utf-8", "replace").partition("/")
        if record.value is None:
            of_hook = self._of_hooks.get(hook_id, {})
            of_hook.pop(stretch_id, None)
            if not of_hook:
                self._of_hooks.pop(hook_id, None)
            return
        stretch = decode(Stretch, record.value)
        if (stretch.hook_id, stretch.id) != (hook_id, stretch_id):
            raise BrokenRecord("id: is not the record's key")
        self._of_hooks.setdefault(hook_id, {})[stretch_id] = stretch

    def get(self, stretch: Stretch) -> Stretch | None:
        """Return the current version of a stretch; None if it was removed."""
        return self._of_hooks.get(stretch.hook_id, {}).get(stretch.id)

    def of_hook(self, hook_id: str) -> list[Stretch]:
        """Return the stretches of a hook, ordered by partition and offset."""
        found = self._of_hooks.get(hook_id)
        return sorted(found.values(), key=lambda one: (one.topic, one.partition, one.next)) if found else []

    def hooks(self) -> list[str]:
        """Return the ids of the hooks that have stretches."""
        return list(self._of_hooks)

    def __iter__(self) -> Iterator[Stretch]:
        for hook_id in self.hooks():
            yield from self.of_hook(hook_id)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The stretches, and the functions that change them."""

    stretches: Stretches
    write: Write
    forget: Write
    on_gone: Callable[[Stretch, range | None], Awaitable[None]]
    """Called with a stretch, and which of its offsets retention has removed unsent; None if the log is another one.

    Await it before anything is forgotten: then that is written down.
    """
