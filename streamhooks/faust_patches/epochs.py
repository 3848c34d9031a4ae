"""Where a leader epoch ends in the current log (OffsetForLeaderEpoch), a request that none of our clients offers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Int64, Schema, String
from aiokafka.structs import TopicPartition
from faust.transport.consumer import ensure_TP
from faust.types import TP

_KEY = 23
_CONSUMER = -1
_NOT_KNOWN = -1


class _Response(Response):
    API_KEY = _KEY
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("error_code", Int16), ("partition", Int32), ("leader_epoch", Int32), ("end_offset", Int64)),
                ),
            ),
        ),
    )


class _RequestV3(RequestStruct):
    API_KEY = _KEY
    API_VERSION = 3
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("replica_id", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                ("partitions", Array(("partition", Int32), ("current_leader_epoch", Int32), ("leader_epoch", Int32))),
            ),
        ),
    )


class _Request(Request[_RequestV3]):
    API_KEY = _KEY

    def __init__(self, topics: list[tuple[str, list[tuple[int, int, int]]]]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_RequestV3]) -> _RequestV3:
        return request_struct_class(_CONSUMER, self._topics)


async def epoch_ends(client: AIOKafkaClient, epochs: Mapping[TopicPartition, int]) -> dict[TP, int | None]:
    """Return the offset at which each epoch ends; None if the leader does not know it, missing without an answer."""
    by_leader: defaultdict[int, list[TopicPartition]] = defaultdict(list)
    for tp in epochs:
        leader = client.cluster.leader_for_partition(tp)
        if leader is None or leader < 0:
            client.force_metadata_update()
        else:
            by_leader[leader].append(tp)
    found: dict[TP, int | None] = {}
    answers = (_ask(client, leader, {tp: epochs[tp] for tp in tps}) for leader, tps in by_leader.items())
    for answer in await asyncio.gather(*answers):
        found |= answer
    return found


async def _ask(client: AIOKafkaClient, leader: int, epochs: Mapping[TopicPartition, int]) -> dict[TP, int | None]:
    topics: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for tp, epoch in epochs.items():
        topics[tp.topic].append((tp.partition, _NOT_KNOWN, epoch))
    try:
        response: Any = await client.send(leader, _Request(list(topics.items())))
    except KafkaError:
        return {}
    found: dict[TP, int | None] = {}
    for topic, partitions in response.topics:
        for error, partition, _epoch, end in partitions:
            if error:
                client.force_metadata_update()  # another broker leads
            else:
                found[ensure_TP(TopicPartition(topic, partition))] = None if end < 0 else end
    return found
