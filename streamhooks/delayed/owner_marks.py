"""The marks of owners in the log of `delayed`: who owns a partition, and has not left it.

A mark has the form of a call that is never due, so that 0.1.0 can read it.
"""

from __future__ import annotations

from typing import Final

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode

#: the task that a mark names; its key has the number of the partition in addition
OWNER: Final = "streamhooks.owner"
#: who a mark names when a worker left cleanly, but not all calls have run alone that were to
SUSPECTED: Final = "suspected"
#: when a mark is due, epoch milliseconds: never
NEVER: Final = 32_503_680_000_000

_PREFIX: Final = f"{OWNER}/".encode()


def is_mark(record: Record) -> bool:
    """Tell whether a record of `delayed` is the mark of an owner, or its tombstone."""
    return (record.key or b"").startswith(_PREFIX)


def key_of(partition: int) -> str:
    """Return the key of the mark of a partition."""
    return f"{OWNER}/{partition}"


def mark_of(partition: int, owner: str, now_ms: int) -> bytes:
    """Return the mark of an owner, written now."""
    # The attempt grows, so that 0.1.0 takes no later mark for one that is settled.
    return DelayedCall(key_of(partition), OWNER, max(1, now_ms), NEVER, now_ms, "countdown", [owner]).to_json()


class OwnerMarks:
    """What the log says about the owners of partitions."""

    def __init__(self) -> None:
        self._owners: dict[int, str] = {}

    def apply(self, record: Record) -> None:
        """Take in a mark or its tombstone.

        Raises:
            BrokenRecord: it is no mark; nothing was changed.

        """
        if record.value is None:
            self._owners.pop(record.partition, None)
            return
        mark = decode(DelayedCall, record.value)
        if len(mark.args) != 1 or type(mark.args[0]) is not str:
            raise BrokenRecord("args: must be the owner")
        self._owners[record.partition] = mark.args[0]

    def forget(self, partition: int) -> None:
        """Forget what the log of a partition said: it is not ours any more, or is read once more."""
        self._owners.pop(partition, None)

    def owner_of(self, partition: int) -> str | None:
        """Return who owns a partition and has not left it, as far as its log was read; None without any."""
        return self._owners.get(partition)
