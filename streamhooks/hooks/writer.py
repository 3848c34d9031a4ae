"""Writes `hooks`, the desired states: each hook's owner writes its changes, one after the other.

The owner is the worker that owns the hook's partition of `delayed`. That is a lease, not a fence: a previous owner may
still write. `hooks/revisions.py` says what follows from that.

Each method returns when its record is in force on this worker: the table has read it back.

Why: docs/decisions/0006-one-writer-per-hook.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from weakref import WeakValueDictionary

from streamhooks.errors import NotOwner, Overtaken, PublishError
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.reader import TP
from streamhooks.kafka.topic_reader import TopicReader
from streamhooks.kafka.topics import Topics
from streamhooks.masking import shown
from streamhooks.records.hook import REVISION_HEADER, Hook
from streamhooks.records.sealing import Keys

log = logging.getLogger(__name__)

#: interval of the checks for hooks to heal, in seconds
INTERVAL = 0.5
#: timeout of reading to the end, and of healing, in seconds
WITHIN = 5.0
#: the wait before Kafka is asked again for the ends of partitions, in seconds
AGAIN = 0.1


class HookWriter:
    """The writer of `hooks`. One per worker.

    `places` gives the partitions with the records of a hook: one of `hooks` and one of `hook-states`. `ends` gives the
    next offsets of partitions.
    """

    def __init__(
        self,
        outbox: Outbox,
        topics: Topics,
        hooks: HooksTable,
        reader: TopicReader,
        keys: Keys,
        *,
        is_owner: Callable[[str], bool],
        places: Callable[[str], list[TP]],
        ends: Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]],
    ) -> None:
        self._outbox = outbox
        self._topics = topics
        self._hooks = hooks
        self._reader = reader
        self._keys = keys
        self._is_owner = is_owner
        self._places = places
        self._ends = ends
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # --- reading

    async def read_to_end(self, hook_id: str) -> None:
        """Read all that is written about a hook at this moment.

        Raises:
            TimeoutError: Kafka does not answer in time.

        """
        async with asyncio.timeout(WITHIN):
            ends = await self._known_ends(hook_id)
            await self.wait_read([ends[tp] for tp in self._places(hook_id)], hook_id)

    async def _known_ends(self, hook_id: str) -> Mapping[TP, int]:
        while True:
            try:
                return await self._ends(self._places(hook_id))
            except TimeoutError:
                # A broker that has just been told to lead a partition refuses the first question.
                await asyncio.sleep(AGAIN)

    def reached(self, hook_id: str) -> list[int]:
        """Return up to which offset this worker has read each place of a hook."""
        return [self._reader.position.get(tp, 0) for tp in self._places(hook_id)]

    async def wait_read(self, reached: Iterable[int], hook_id: str) -> None:
        """Wait until this worker has read up to these offsets, which another worker had reached."""
        for (topic, partition), offset in zip(self._places(hook_id), reached, strict=True):
            await self._wait(topic, partition, offset - 1)

    # --- writing

    @asynccontextmanager
    async def alone(self, hook_id: str) -> AsyncIterator[None]:
        """Make the changes of one hook one after the other: each starts from the result of all earlier ones, anywhere.

        Raises:
            NotOwner: another worker is its owner, or may be.
            TimeoutError: Kafka does not answer in time.

        """
        async with self._changing.setdefault(hook_id, asyncio.Lock()):
            self._check(hook_id)
            await self.read_to_end(hook_id)
            yield

    async def create(self, hook: Hook) -> Hook:
        """Write a hook with a new id, which nobody else can know; return it as it was written."""
        return await self._write(replace(hook, revision=1))

    async def write(self, hook: Hook) -> Hook:
        """Write a changed hook, within `alone`; return it as it was written.

        Raises:
            NotOwner: another worker is its owner, or may be; nothing was written.
            Overtaken: another worker has changed it in the meantime; the written record has no effect.
            PublishError: the broker does not accept it.

        """
        self._check(hook.id)
        return await self._write(replace(hook, revision=self._next(hook.id)))

    async def delete(self, hook_id: str) -> None:
        """Delete a hook and its observed state, within `alone`; raise as `write` does."""
        self._check(hook_id)
        headers = [(REVISION_HEADER, str(self._next(hook_id)).encode())]
        # In this order: without its state, a hook that the system disabled would be active for a moment. And if this
        # worker is overtaken, the state stays: it is that of the hook in force.
        await self._publish(self._topics.hooks, hook_id, None, headers=headers)
        await self._publish(self._topics.hook_states, hook_id, None)

    def _next(self, hook_id: str) -> int:
        return self._hooks.revisions.of(hook_id) + 1

    def _check(self, hook_id: str) -> None:
        if not self._is_owner(hook_id):
            raise NotOwner("this worker is not the owner of the hook")

    async def _write(self, hook: Hook) -> Hook:
        await self._publish(self._topics.hooks, hook.id, self._keys.encrypted(hook).to_json())
        return hook

    async def _publish(self, topic: str, hook_id: str, value: bytes | None, **options: object) -> None:
        written = await self._outbox.publish(topic, value, key=hook_id, **options)
        await self._wait(written.topic, written.partition, written.offset)
        if topic == self._topics.hooks and self._hooks.revisions.was_rejected(written.offset):
            raise Overtaken("another worker has changed the hook in the meantime")

    async def _wait(self, topic: str, partition: int, offset: int) -> None:
        await self._reader.wait_applied(topic, partition, offset)
        if not self._reader.is_ready((topic, partition)):
            raise TimeoutError(f"{topic} is being read again")

    # --- healing

    async def run(self) -> None:
        """Heal the log until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.heal()

    async def heal(self) -> None:
        """Write the record in force again, for the hooks of this worker whose log ends with another record."""
        for hook_id in [one for one in self._hooks.revisions.to_heal if self._is_owner(one)]:
            try:
                async with asyncio.timeout(2 * WITHIN), self.alone(hook_id):
                    if hook_id in self._hooks.revisions.to_heal:
                        await self._heal(hook_id)
            except (NotOwner, Overtaken, PublishError, TimeoutError) as error:
                log.info("the hook %s will be healed later: %s", shown(hook_id), type(error).__name__)

    async def _heal(self, hook_id: str) -> None:
        hook = self._hooks.get(hook_id)
        if hook is None:
            await self.delete(hook_id)
        else:
            await self.write(hook)
        log.info("the hook %s was healed: the version in force was written again", shown(hook_id))
