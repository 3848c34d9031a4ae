"""The parts that search the topics for the API: history, replays and dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from streamhooks.backlog.replays import Replays
from streamhooks.dead_letters.desk import LetterDesk
from streamhooks.dead_letters.redriving import Redriving
from streamhooks.history.history import History
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.looks import Looks
from streamhooks.kafka.partitions import Partitioner
from streamhooks.kafka.together import write_together
from streamhooks.settings import Settings
from streamhooks.worker.knowledge import Knowledge
from streamhooks.worker.outward import Outward
from streamhooks.worker.running import Running
from streamhooks.worker.supervisor import Part


class LookingBack:
    """The searching parts of a worker. `partitioner` gives the partitions of hooks in `delayed` and `firings`."""

    def __init__(
        self,
        settings: Settings,
        logs: Logs,
        outward: Outward,
        known: Knowledge,
        running: Running,
        partitioner: Partitioner,
        clock: Callable[[], float],
    ) -> None:
        self.looks = Looks()
        self.history = History(settings, self.looks, known.hooks, known.sources, known.registry, partitioner.partitions)
        self.replays = Replays(
            settings, self.looks, logs, known.sources, running.upkeep.backlog, stop=running.catch_up.stop, clock=clock
        )
        redriving = Redriving(
            outward.outbox,
            partial(write_together, settings),
            known.sources,
            outward.letter_states,
            source=running.dead_letters.source,
            again=running.calls.again,
            partitioner=partitioner,
            clock=clock,
        )
        self.letters = LetterDesk(self.looks, running.dead_letters, redriving)

    def parts(self) -> Iterator[Part]:
        """Yield the part that stops."""
        yield Part("looks", stop=self.looks.close)
