"""Reports to a hook's owner, the only writer of its observed state: calls of `note_finding` in `delayed`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from streamhooks.hooks.findings import What
from streamhooks.in_flight.again import nothing
from streamhooks.records.ids import derived_id
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import NOTE_FINDING
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runs import Runs


class Notes:
    """Reports to owners. `partition_of` gives the partition of a hook in `delayed`, `clock` epoch seconds."""

    def __init__(
        self, outputs: Outputs, runs: Runs, partition_of: Callable[[str], int], clock: Callable[[], float]
    ) -> None:
        self._outputs = outputs
        self._runs = runs
        self._partition_of = partition_of
        self._clock = clock

    def tell(self, what: What, hook_id: str, found: dict[str, Any]) -> None:
        """Report a finding to the hook's owner, without waiting."""
        self._runs.insist(f"{what} of {hook_id}", None, partial(self.write, what, hook_id, found), nothing)

    async def write(self, what: What, hook_id: str, found: dict[str, Any]) -> None:
        """Report a finding to the hook's owner; return when the record is confirmed."""
        now = int(self._clock() * 1000)
        partition = self._partition_of(hook_id)
        note = Call(derived_id(hook_id, what, now), NOTE_FINDING, partition, now, [hook_id, what, found])
        await self._outputs.store(note, attempt=1, due=now, reason="countdown")
