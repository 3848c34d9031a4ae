"""Fetching by librdkafka: its threads fetch, check and unpack ahead, without the interpreter.

It looks by itself whether the log is still the one that was read when a leader changes (KIP-320), and tells.

Records are taken in the event loop, without waiting, as long as they come in quick succession. When none comes for a
while a thread waits for the next one: it costs a change of threads, and nothing as long as there is none.

Each time that it is to read elsewhere a new client does so. The threads of a client may wait for each other for ever,
when a broker goes away while it is asked about an epoch (librdkafka#5476), and who tells such a client anything then
waits, too, with the interpreter's lock: nothing in the process runs any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaError, Message, TopicPartition
from faust.types import TP

from streamhooks.faust_patches.fetching import AT_ONCE, Seek
from streamhooks.kafka.clients import FETCH, client_config, close_aside, fetch_config
from streamhooks.kafka.known_brokers import WatchedConsumer
from streamhooks.kafka.reader import NOT_THERE, Record, to_record
from streamhooks.masking import shown
from streamhooks.settings import Settings
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: how long after a record the next one is looked for in the loop, and how often, in seconds
LIVE, LOOK = 0.05, 0.002
#: how long a stop waits for the thread, and for the client, in seconds
STOP, CLOSED = 0.2, 2.0

_CONFIG = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",  # what a producer took back has not happened
    "check.crcs": True,
    "fetch.wait.max.ms": 1500,
    "queued.min.messages": 5000,
    "fetch.error.backoff.ms": 100,
    # No group knows of it: however long nothing is asked for, it stays.
    "max.poll.interval.ms": 86_400_000,
}


class LibrdkafkaFetching:
    """One topic. `ahead` bytes may lie fetched and not taken."""

    def __init__(self, settings: Settings, ahead: int) -> None:
        bounds = fetch_config(min(ahead, 2 * FETCH), ahead)
        self._config = client_config(settings) | {"group.id": f"{settings.topic_prefix}fetching"} | _CONFIG | bounds
        self._client: WatchedConsumer | None = None
        self._assignments: dict[tuple[str, int], int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._suspects: set[TP] = set()
        self._told: set[tuple[TP, int]] = set()
        self._held: list[Record] = []
        self._came = 0.0
        self._thread = ThreadPoolExecutor(1, "fetching")
        self._stopping = False
        self._waiting: asyncio.Future[Message | None] | None = None

    async def assign(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others."""
        if self._client is not None or seeks:
            self.renew(seeks)

    def renew(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others; of what was fetched nothing is handed over."""
        self._held = []
        self._assignments, self._next = {}, {}
        self._note_places(seeks)
        self._read(seeks)

    def move(self, seeks: Mapping[TP, Seek]) -> None:
        """Go on elsewhere with some of the partitions that are read."""
        assert self._client is not None
        # While a thread waits there is hardly anything, and nobody knows what it has taken.
        while not self._waiting and (messages := self._client.consume(AT_ONCE, 0)):
            self._held += self._taken(messages)
        self._held = [one for one in self._held if TP(one.topic, one.partition) not in seeks]
        self._note_places(seeks)
        others = {TP(*tp): Seek(offset, -1, self._assignments[tp]) for tp, offset in self._next.items()}
        self._read({**others, **seeks})

    def _read(self, seeks: Mapping[TP, Seek]) -> None:
        former, self._client = self._client, WatchedConsumer(self._config)
        self._waiting = None  # what comes of it is of the former one
        self._thread.shutdown(wait=False)
        self._thread = ThreadPoolExecutor(1, "fetching")
        self._client.assign(_places(seeks))
        if former is not None:
            close_aside(former)

    def _note_places(self, seeks: Mapping[TP, Seek]) -> None:
        for tp, seek in seeks.items():
            self._assignments[tp], self._next[tp] = seek.assignment, seek.offset

    async def getmany(self, timeout: float) -> list[Record]:
        """What has come, those of a partition in order; waits for at most `timeout` seconds."""
        if self._client is None:
            await asyncio.sleep(0.05)  # whoever asks in a loop must not keep it
            return []
        if self._client.brokers.are_lost:
            log.warning("a client that fetches knew no broker any more (librdkafka#5301): another one reads on")
            self.move({})
        if self._held:
            records, self._held = self._held[:AT_ONCE], self._held[AT_ONCE:]
            return records
        messages = [] if self._waiting else self._client.consume(AT_ONCE, 0)
        if not messages and not self._waiting and steady() - self._came < LIVE:
            await asyncio.sleep(LOOK)
            messages = self._client.consume(AT_ONCE, 0)
        elif not messages:
            messages = await self._awaited(self._client, timeout)
        if not messages:
            return []
        return self._taken(messages)

    def suspects(self) -> set[TP]:
        """The partitions about which a broker had something to say since this was asked last."""
        found, self._suspects = self._suspects, set()
        return found

    async def _awaited(self, client: WatchedConsumer, timeout: float) -> list[Message]:
        """The next messages; a thread waits for the first one, also if whoever asked for it is cancelled meanwhile."""
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.run_in_executor(self._thread, self._poll, client, timeout)
        waiting = self._waiting
        await asyncio.wait([waiting], timeout=timeout + 1.0)
        if self._waiting is not waiting or not waiting.done():
            return []
        self._waiting, first = None, waiting.result()
        return [] if first is None else [first, *client.consume(AT_ONCE - 1, 0)]

    def _poll(self, client: WatchedConsumer, timeout: float) -> Message | None:
        """In the thread: the next message, if one comes in time; who stops it does not wait for the end of it."""
        end = steady() + timeout
        while self._asks(client) and (left := end - steady()) > 0:
            message = client.poll(min(left, STOP))
            if message is not None:
                return message
        return None

    def _asks(self, client: object) -> bool:
        return client is self._client and not self._stopping

    def _taken(self, messages: list[Message]) -> list[Record]:
        records = []
        assignments, following = self._assignments, self._next
        for message in messages:
            error = message.error()
            if error is not None:
                self._note(message, error)
                continue
            tp = (message.topic(), message.partition())
            assignment = assignments.get(tp)
            if assignment is not None:
                record = to_record(message, assignment)
                following[tp] = record.offset + 1
                records.append(record)
        if records:
            self._came = steady()
            self._told.clear()
        return records

    def _note(self, message: Message, error: KafkaError) -> None:
        topic, partition = message.topic(), message.partition()
        if topic is None:
            log.debug("fetching: %s", error.str())
            return
        tps = {TP(*tp) for tp in self._next if tp[0] == topic and partition in (tp[1], -1, None)}
        if error.code() in NOT_THERE:
            self._suspects |= tps
        if new := {(tp, error.code()) for tp in tps} - self._told:
            self._told |= new
            log.warning("%s: %s", shown(", ".join(sorted(f"{topic}:{tp[1]}" for tp, _ in new))), error.str())

    async def stop(self) -> None:
        """Fetch no more."""
        self._stopping = True
        if self._client is not None:
            await asyncio.to_thread(close_aside, self._client, CLOSED)
        self._thread.shutdown(wait=False)


def _places(seeks: Mapping[TP, Seek]) -> list[TopicPartition]:
    return [TopicPartition(*tp, seek.offset, leader_epoch=seek.epoch) for tp, seek in seeks.items()]
