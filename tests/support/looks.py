"""What a worker's views look up in Kafka, made up."""

from __future__ import annotations

from threading import Event
from typing import Any

from streamhooks.backlog.summary import Missed
from streamhooks.dead_letters.listing import Found
from streamhooks.history.trying import Tried
from streamhooks.kafka.backwards import Page, Place
from streamhooks.kafka.reader import Record
from streamhooks.kafka.threads import Places


class FakeHistory:
    """What the views ask about the past: nothing was, unless a test says so."""

    def __init__(self) -> None:
        self.places = Places(2, "too many")
        self.missed = Missed(0, None, None, ())
        self.asked: list[tuple[Any, ...]] = []
        self.found_ranges: dict[tuple[str, int], tuple[int, int]] = {}
        self.found: list[Found] = []
        self.tried: list[Tried] = []
        self.reached: dict[int, Place] | None = None
        self.record: Record | None = None
        self.attempts_page: Page[dict[str, Any]] = Page([], None, None)

    def long_place(self):
        return self.places.place()

    short_place = long_place

    async def short(self, work, *args):
        return work(*args, stop=Event())

    async def missed_of(self, hook_id: str) -> Missed:
        return self.missed

    async def ranges(self, hook, kinds, between):
        self.asked.append(("ranges", kinds, between))
        return self.found_ranges

    async def count(self, hook, ranges, between) -> int:
        return 7

    async def begin(self, hook, ranges, between) -> str:
        self.asked.append(("replay", hook.id, ranges))
        return "r1"

    async def stop(self, hook_id, replay_id) -> bool:
        return replay_id == "r1"

    async def record_at(self, tp, offset):
        self.asked.append(("record", tp, offset))
        return self.record

    async def record_of(self, event_id, between):
        self.asked.append(("event", event_id, between))
        return self.record

    async def try_filter(self, trial, limit):
        self.asked.append(("try", trial, limit))
        return self.tried

    async def attempts(self, wanted, before, limit):
        self.asked.append(("attempts", wanted, before, limit))
        return self.attempts_page

    async def page(self, wanted, before, limit):
        self.asked.append(("letters", wanted, before, limit))
        return Page(self.found[:limit], self.reached, None)

    async def one(self, partition, offset):
        return next((one for one in self.found if (one.partition, one.offset) == (partition, offset)), None)

    async def redrive(self, wanted, *, force, dry_run):
        self.asked.append(("redrive", wanted, force, dry_run))
        return 2, 1

    async def drop(self, wanted, *, dry_run):
        self.asked.append(("drop", wanted, dry_run))
        return 2, 1
