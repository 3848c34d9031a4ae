"""Writes `hook-states`: the observed states of hooks, and the ranges of offsets that they have yet to receive.

Each method returns when its record is in force on this worker: the table has read it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from streamhooks.hooks.findings import known_finding, merged, notice_of
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.topic_reader import TopicReader
from streamhooks.kafka.topics import Topics
from streamhooks.masking import shown
from streamhooks.records.hook_state import HookState
from streamhooks.records.stretch import Stretch

log = logging.getLogger(__name__)

MOST_OPENED: Final = 100
"""Maximum notices about breakers per worker within WITHIN seconds."""
WITHIN: Final = 60.0


class HookStates:
    """The writer of `hook-states` and of the notices that follow. One per worker."""

    def __init__(
        self, outbox: Outbox, topics: Topics, hooks: HooksTable, reader: TopicReader, clock: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._topics = topics
        self._hooks = hooks
        self._reader = reader
        self._clock = clock
        self._noting = asyncio.Lock()
        self._opened: deque[float] = deque(maxlen=MOST_OPENED)

    async def note(self, hook_id: str, what: str, found: dict[str, Any]) -> None:
        """Write a finding about a hook, one after another; only the hook's owner may do so.

        Raises:
            BrokenRecord: `what` is an unknown finding.

        """
        finding = known_finding(what)
        async with self._noting:
            hook = self._hooks.get(hook_id)
            if hook is None:
                return
            if finding == "disabled" and not self._hooks.is_active(hook_id):
                return  # many deliveries were under way: its owner hears of it once
            previous = self._hooks.state(hook_id) or HookState(hook_id)
            lasting = self._hooks.lasting(hook_id)
            left = lasting.pause_left() if lasting is not None else 0.0
            now = self._clock()
            state = merged(previous, finding, found, now=now, pause_left=left, enabled_at=hook.enabled_at)
            if state == previous:
                return
            notice = notice_of(finding, state, now, hook.blocked)
            if notice is not None and notice.what == "breaker_opened" and not self._may_tell_of_opened(hook_id, now):
                notice, state = None, replace(state, breaker_told_at=previous.breaker_told_at)
            await self._write(hook_id, state.to_json())
            if notice is not None:
                await self._outbox.publish(self._topics.notices, notice.to_json(), key=hook_id)

    def _may_tell_of_opened(self, hook_id: str, now: float) -> bool:
        """Tell whether another notice about a breaker may be written: if a network fails, all breakers open at once."""
        if not self._hooks.is_active(hook_id):
            return False
        if len(self._opened) == MOST_OPENED and 0 <= now - self._opened[0] < WITHIN:
            log.info("the breaker of the hook %s opened, as many others did: no notice is written", shown(hook_id))
            return False
        self._opened.append(now)
        return True

    async def write(self, stretch: Stretch) -> None:
        """Write a stretch."""
        await self._write(stretch.key, stretch.to_json())

    async def forget(self, stretch: Stretch) -> None:
        """Delete a stretch."""
        await self._write(stretch.key, None)

    async def _write(self, key: str, value: bytes | None) -> None:
        written = await self._outbox.publish(self._topics.hook_states, value, key=key)
        await self._reader.wait_applied(written.topic, written.partition, written.offset)
