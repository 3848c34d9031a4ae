"""The counting part of a worker."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from streamhooks.counting.agent import Counting
from streamhooks.counting.counters import is_older
from streamhooks.counting.rollups import Rollup
from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.table import WindowTable
from streamhooks.in_flight.again import INTERNAL_ERROR, Again
from streamhooks.in_flight.tracker import Ticket
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.reader import Record
from streamhooks.kafka.reads import Reads
from streamhooks.tasks.outputs import Outputs, burying
from streamhooks.times import steady
from streamhooks.worker.ownership import Ownership


def new_counting(
    counting_app: App,
    tables: Mapping[Rollup, WindowTable],
    ownership: Ownership,
    outbox: Outbox,
    outputs: Outputs,
    reads: Reads,
    again: Again,
) -> Counting:
    """Return the part that counts in these tables."""
    for table in tables.values():
        table.tie(ownership.partition_of, outbox.send, is_older)
    return Counting(
        dict(tables),
        counting_app.tracker,
        counting_app.gate,
        reads.some,
        partial(_bury, outputs, again),
        steady,
        counting_app.topic_id,
    )


def _bury(outputs: Outputs, again: Again, record: Record, reason: str, ticket: Ticket) -> None:
    """Give up a firing. This is not a run, because a rebalance of the other app would cancel it."""
    do, give_up = (burying(outputs, record, why, ticket) for why in (reason, INTERNAL_ERROR))
    again.start(record.source, ticket, do, give_up)
