"""A hook without subscriptions, as a GitOps tool may write it: there is nothing to search, and Kafka is not asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streamhooks.backlog.replays import Replays
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.sources.topics import Sources
from streamhooks.times import ALWAYS


async def test_a_replay_of_a_hook_without_events_is_nothing() -> None:
    replays: Any = SimpleNamespace(_sources=Sources(Topics("t.")))  # asking would fail
    for app_id in (None, "a1"):
        hook = Hook("0" * 32, "1", "http://a/", (), "s" * 16, app_id=app_id)
        ranges = await Replays.ranges(replays, hook, None, ALWAYS)
        assert ranges == {}
        assert await Replays.count(replays, hook, ranges, ALWAYS) == 0
