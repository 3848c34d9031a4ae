"""The partition of a key, by Java's murmur2: the default of nearly every Kafka client but librdkafka."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=65536)
def partition_of(key: str, partitions: int) -> int:
    """Return the partition of `key` (as UTF-8 bytes) in a topic with this many partitions."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


@dataclass(frozen=True, slots=True)
class Partitioner:
    """Gives the partition of a key in topics that have as many `partitions`."""

    partitions: int

    def of(self, key: str) -> int:
        """Return the partition of `key`."""
        return partition_of(key, self.partitions)
