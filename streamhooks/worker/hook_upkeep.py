"""The parts that write records about hooks: changes by users, findings, and what a hook has yet to get."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from streamhooks.backlog.stretches import Backlog
from streamhooks.hooks.seals import Seals
from streamhooks.hooks.states import HookStates
from streamhooks.hooks.upheld import Upheld
from streamhooks.hooks.writer import HookWriter
from streamhooks.limits.restraints import Restraints
from streamhooks.settings import Settings
from streamhooks.tasks.notes import Notes
from streamhooks.tasks.runs import Runs
from streamhooks.worker.knowledge import Knowledge
from streamhooks.worker.outward import Outward
from streamhooks.worker.ownership import Ownership
from streamhooks.worker.supervisor import Part

DAY = 86_400


class HookUpkeep:
    """The writers of hooks and findings. `runs` runs the calls that write findings."""

    def __init__(
        self,
        settings: Settings,
        outward: Outward,
        known: Knowledge,
        ownership: Ownership,
        runs: Runs,
        clock: Callable[[], float],
    ) -> None:
        outbox, topics, hooks, is_owner = outward.outbox, known.topics, known.hooks, ownership.is_owner
        self.hook_states = HookStates(outbox, topics, hooks, known.hooks_reader, clock)
        self.hook_writer = HookWriter(
            outbox,
            topics,
            hooks,
            known.hooks_reader,
            known.keys,
            is_owner=ownership.may_write,
            places=known.partitions.of_hook,
            ends=known.ends.of,
        )
        self.backlog = Backlog(known.stretches, self.hook_states.write, self.hook_states.forget, known.moved.gone)
        self.notes = Notes(outward.outputs, runs, ownership.partition_of, clock)
        self.restraints = Restraints(
            hooks,
            is_owner=is_owner,
            tell=self.notes.tell,
            breaker=settings.breaker,
            failing=settings.failing_days * DAY,
        )
        self._seals = Seals(hooks, is_owner, self.notes.tell, clock)
        self._upheld = Upheld(hooks, is_owner, self.notes.tell)

    def parts(self) -> Iterator[Part]:
        """Yield the parts that run."""
        yield Part("seals", run=self._seals.run)
        yield Part("hooks that stay disabled", run=self._upheld.run)
        yield Part("writer of hooks", run=self.hook_writer.run)
