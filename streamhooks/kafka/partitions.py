"""Which partition a key belongs to: Java's murmur2, the partitioner of nearly every Kafka client but librdkafka."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=65536)
def partition_of(key: str, partitions: int) -> int:
    """The partition of `key` (its UTF-8 bytes) in a topic with so many partitions."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions
