"""A hook without subscriptions, as a GitOps tool may write it: there is nothing to search, and Kafka is not asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streamhooks.history.history import History
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.times import ALWAYS


async def test_a_replay_of_a_hook_without_events_is_nothing() -> None:
    history: Any = SimpleNamespace(_topics=Topics("t."))  # asking would fail
    for app_id in (None, "a1"):
        hook = Hook("0" * 32, "1", "http://a/", (), "s" * 16, app_id=app_id)
        ranges = await History.ranges(history, hook, None, ALWAYS)
        assert ranges == {}
        assert await History.count(history, hook, ranges, ALWAYS) == 0
