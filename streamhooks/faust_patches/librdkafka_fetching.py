"""Fetching by librdkafka: its threads fetch, check and decompress ahead, without the interpreter.

After a leader election it checks by itself whether the log is still the same (KIP-320), and reports an error if not.

To read at another offset, a new client is made, and who waits for records of the previous one gets none. If a broker
goes away during a request for an epoch, the threads of a client may deadlock (librdkafka#5476). A call of such a client
then hangs with the interpreter's lock, and nothing in the process runs any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from confluent_kafka import KafkaError, Message, TopicPartition
from faust.types import TP

from streamhooks.faust_patches.fetched_messages import FetchedMessages
from streamhooks.faust_patches.fetching import AT_ONCE, Seek
from streamhooks.kafka.clients import FETCH, client_config, fetch_config
from streamhooks.kafka.known_brokers import WatchedConsumer
from streamhooks.kafka.reader import NOT_THERE, Record, to_record
from streamhooks.masking import shown
from streamhooks.settings import Settings

log = logging.getLogger(__name__)

#: how long a stop waits for the client, in seconds
CLOSED = 2.0

_CONFIG = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",  # aborted transactions have not happened
    "check.crcs": True,
    "fetch.wait.max.ms": 1500,
    "queued.min.messages": 5000,
    "fetch.error.backoff.ms": 100,
    # It is in no group, and must not expire however long nothing is polled.
    "max.poll.interval.ms": 86_400_000,
}


class LibrdkafkaFetching:
    """Fetches one topic. Up to `ahead` fetched bytes may wait."""

    checks_logs = True

    def __init__(self, settings: Settings, ahead: int) -> None:
        bounds = fetch_config(min(ahead, 2 * FETCH), ahead)
        self._config = client_config(settings) | {"group.id": f"{settings.topic_prefix}fetching"} | _CONFIG | bounds
        self._messages: FetchedMessages | None = None
        self._places: dict[tuple[str, int], Seek] = {}
        self._suspects: set[TP] = set()
        self._logged: set[tuple[TP, int]] = set()
        self._held: list[Record] = []

    async def assign(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others."""
        if self._messages is not None or seeks:
            self.renew(seeks)

    def renew(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others; drop what was fetched."""
        self._held = []
        self._places = dict(seeks)
        self._read()

    def move(self, seeks: Mapping[TP, Seek]) -> None:
        """Continue at another offset on some of the partitions."""
        assert self._messages is not None
        while messages := self._messages.at_hand():
            self._held += self._taken(messages)
        self._held = [one for one in self._held if TP(one.topic, one.partition) not in seeks]
        self._places.update(seeks)
        self._read()

    def _read(self) -> None:
        client = WatchedConsumer(self._config)
        starts = [TopicPartition(*tp, place.offset, leader_epoch=place.epoch) for tp, place in self._places.items()]
        client.assign(starts)
        previous, self._messages = self._messages, FetchedMessages(client)
        if previous is not None:
            previous.end()

    async def getmany(self, timeout: float) -> list[Record]:
        """Return fetched records, in order per partition; wait for at most `timeout` seconds."""
        if self._messages is None:
            await asyncio.sleep(0.05)  # a caller in a loop must not block the event loop
            return []
        if self._messages.client.brokers.are_lost:
            log.warning("a fetching client has lost all brokers (librdkafka#5301): continuing with a new one")
            self.move({})
        if self._held:
            records, self._held = self._held[:AT_ONCE], self._held[AT_ONCE:]
            return records
        return self._taken(await self._messages.some(timeout))

    def suspects(self) -> set[TP]:
        """Return the partitions on which a broker has reported an error since the last call."""
        found, self._suspects = self._suspects, set()
        return found

    def _taken(self, messages: list[Message]) -> list[Record]:
        records = []
        places = self._places
        last: dict[tuple[str, int], Record] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                self._note(message, error)
                continue
            tp = (message.topic(), message.partition())
            place = places.get(tp)
            if place is not None:
                last[tp] = record = to_record(message, place.assignment)
                records.append(record)
        for tp, record in last.items():
            places[tp] = Seek(record.offset + 1, record.epoch, record.assignment)
        if records:
            self._logged.clear()
        return records

    def _note(self, message: Message, error: KafkaError) -> None:
        topic, partition = message.topic(), message.partition()
        if topic is None:
            log.debug("fetching: %s", error.str())
            return
        tps = {TP(*tp) for tp in self._places if tp[0] == topic and partition in (tp[1], -1, None)}
        if error.code() in NOT_THERE:
            self._suspects |= tps
        if new := {(tp, error.code()) for tp in tps} - self._logged:
            self._logged |= new
            log.warning("%s: %s", shown(", ".join(sorted(f"{topic}:{tp[1]}" for tp, _ in new))), error.str())

    async def stop(self) -> None:
        """Stop fetching."""
        if self._messages is not None:
            self._messages.end()
            await asyncio.to_thread(self._messages.join, CLOSED)
