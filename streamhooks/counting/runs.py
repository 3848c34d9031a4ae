"""Runs of records: consecutive ones of a partition, which are taken up and settled as one."""

from __future__ import annotations

from streamhooks.kafka.reader import Batch, Record

#: the most records of a run, and about the most bytes: they are counted in one turn of the loop
MOST = 50
MOST_BYTES = 40_000


def next_run(batch: Batch) -> list[Record]:
    """Take the first records out of a batch, which must not be empty, as far as they form a run."""
    first = batch.popleft()
    run, size, partition, assignment = [first], len(first.value or b""), first.partition, first.assignment
    following = first.offset + 1
    while batch and len(run) < MOST and size < MOST_BYTES:
        record = batch[0]
        if record.offset != following or record.partition != partition or record.assignment != assignment:
            break
        run.append(batch.popleft())
        following += 1
        size += len(record.value or b"")
    return run
