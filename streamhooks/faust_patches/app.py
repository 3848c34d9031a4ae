"""A Faust app with our consumer and recovery, and with what they need to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import faust
from faust.tables.wrappers import WindowWrapper
from faust.types import TP

from streamhooks.errors import Refusal
from streamhooks.faust_patches.consumer import Transport, end_refused
from streamhooks.faust_patches.ending import BEYOND_GRACE, end_within
from streamhooks.faust_patches.fetching import Fetching
from streamhooks.faust_patches.membership import Coordinator
from streamhooks.faust_patches.parts import MakeParts, Parts
from streamhooks.faust_patches.recovery import TableManager
from streamhooks.faust_patches.web import Web
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.logs import Logs
from streamhooks.settings import Settings

#: the part of the session timeout that records in flight get during a rebalance
GRACE_WHILE_MOVING = 0.15
#: gaps remembered per partition; a forgotten one is checked again, which only costs time
HOLES = 10_000


@dataclass(frozen=True, slots=True)
class Consuming:
    """What an app consumes with.

    Attributes:
        logs: tells what the logs are.
        coordinator: tells whether the coordinator of the group answers.
        new_fetching: makes what fetches a topic until it should stop.
        ahead: bytes of a topic that may wait for its agent; no more is fetched meanwhile.
        tracker: what is in flight; without one, there is no bound, and nothing is told above the floors.
        owned_topics: assigned, but not fetched.

    """

    logs: Logs
    coordinator: Coordinator
    new_fetching: Callable[[Callable[[], bool]], Fetching]
    ahead: int
    tracker: Tracker | None = None
    owned_topics: frozenset[str] = frozenset()


class App(faust.App):
    """An app whose commits follow the tracker; it keeps what it consumes with.

    Attributes:
        gate: whether anything may start.
        plain_topics: whose records agents get as they are, by `faust_patches.lanes.batches_of`.
        grace: what deliveries in flight get when the worker stops, in seconds.
        parts: what a worker does around this app; made when it begins, or bound by the app that it belongs to.
        counting: the app with the windowed tables, which runs in the same worker; None in that app itself.
        windows: those tables by name, relative to now: `app.windows["fired-1h"][hook_id].now()`.
        revocations: how often partitions were revoked, counted before anything else is done about it.
        may_commit: false when nothing may be committed any more, since nothing can be written.

    `prepare` runs before a worker is made of the app. It prepares what the worker needs, and returns a function that
    makes the parts; it may raise Refusal.

    """

    def __init__(
        self,
        app_id: str,
        consuming: Consuming,
        *,
        grace: float,
        counting: App | None = None,
        windows: Mapping[str, WindowWrapper] | None = None,
        prepare: Callable[[App], MakeParts] | None = None,
        web: bool = True,
        **conf: Any,
    ) -> None:
        super().__init__(app_id, TableManager=TableManager, **conf)
        if not web:
            self.boot_strategy.enable_web = False
        self.tracker = consuming.tracker or Tracker()
        self.gate = Gate(self.lease_holds)
        self.owned_topics = consuming.owned_topics
        self.plain_topics: set[str] = set()
        self.logs = consuming.logs
        self.coordinator = consuming.coordinator
        self.new_fetching = consuming.new_fetching
        self.ahead = consuming.ahead
        self.counting = counting
        self.windows = dict(windows or {})
        self.parts = Parts()
        self._prepare = prepare
        self._make_parts: MakeParts | None = None
        self.may_commit = True
        self.revocations = 0
        self.grace = grace
        self._ends_process = web
        self._natural_holes: dict[TP, dict[int, int]] = {}
        self._beginning: asyncio.Future[None] | None = None

    def prepare(self) -> None:
        """Prepare what a worker needs; raise Refusal if that fails."""
        if self._prepare is not None:
            self._make_parts = self._prepare(self)

    def serve(self, settings: Settings) -> None:
        """Configure the address of the views and the data folder from the settings."""
        conf = self.conf
        conf.web_bind, conf.web_port, conf.web_host = settings.web_bind, settings.web_port, settings.advertised_host
        conf.canonical_url, conf.datadir = settings.advertised_url, settings.data_dir

    def bind(self, parts: Parts) -> None:
        """Set the parts of the worker around this app."""
        self.parts = parts

    def begin_counting(self) -> None:
        """Start the app with the windowed tables last, so that deliveries do not wait for its tables."""
        assert self.counting is not None
        self.counting.in_worker = True
        self.add_dependency(self.counting)

    def commit_no_more(self) -> None:
        """Stop committing, since nothing can be written: the next owner must repeat what follows."""
        self.may_commit = False

    async def _begin(self) -> None:
        if self._make_parts is not None:
            # Bound before they begin, since a part that began must end even if a later one fails.
            self.bind(await self._make_parts())
        await self.parts.begin()

    async def on_start(self) -> None:
        """Begin the parts before Faust connects; a Refusal ends the process with its message."""
        self._beginning = asyncio.ensure_future(self._begin())
        await asyncio.wait([self._beginning])
        if self.should_stop:
            return
        try:
            self._beginning.result()
        except Refusal as refusal:
            end_refused(refusal)
        await super().on_start()

    async def on_stop(self) -> None:
        """Start nothing, let records in flight end, commit, and leave the group; the process ends in any case."""
        self.gate.close("stop")
        if self.in_worker and self._ends_process:
            end_within(self.grace + BEYOND_GRACE, lambda: int(self.crashed))
        if self._beginning is not None and self._beginning.cancel():
            # Otherwise it would start parts after the stop, and they would never end.
            await asyncio.wait([self._beginning])
        await super().on_stop()

    def _on_rebalance_when_stopped(self) -> None:
        """Do nothing: Faust would close connections here, from a thread that does not own them, and crash."""

    async def on_shutdown(self) -> None:
        """End the parts after Faust has left the group."""
        await super().on_shutdown()
        await self.parts.end()

    async def let_go(self) -> None:
        """Give records in flight the grace time before partitions are revoked.

        In a rebalance, all workers wait for the slowest one, so the grace is then a part of the session timeout.
        """
        moving = self.conf.broker_session_timeout * GRACE_WHILE_MOVING
        await self.parts.drain(self.grace if self.should_stop else min(self.grace, moving))

    def lease_holds(self) -> bool:
        """Tell whether the group still knows us. A process that wakes up from a pause may have lost its partitions."""
        consumer = self._consumer
        return consumer is not None and consumer.seconds_since_heartbeat < self._session_timeout

    @cached_property
    def _session_timeout(self) -> float:
        # Faust computes a setting whenever it is read, and this one is read for each delivery.
        timeout: float = self.conf.broker_session_timeout
        return timeout

    def topic_id(self, tp: tuple[str, int]) -> str:
        """Return the id of the topic that is read on an assigned partition; empty if unknown."""
        return "" if self._consumer is None else self._consumer.positions.topic_id(tp)

    def note_natural_hole(self, tp: TP, start: int, end: int) -> None:
        """Note that Kafka has no records at [start, end), because of transaction markers or compaction."""
        holes = self._natural_holes.setdefault(tp, {})
        if len(holes) >= HOLES:
            del holes[next(iter(holes))]
        holes[start] = end

    def is_natural_hole(self, tp: tuple[str, int], start: int, end: int) -> bool:
        """Tell whether Kafka has no records at [start, end), and forget that gap."""
        return self._natural_holes.get(TP(*tp), {}).pop(start, None) == end

    def forget_natural_holes(self, tp: TP) -> None:
        """Forget the gaps of a partition that has another log now, or is read again."""
        self._natural_holes.pop(tp, None)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_web(self) -> Web:
        return Web(self)

    def is_mine(self, topic: str, partition: int) -> bool:
        """Tell whether this worker owns the partition."""
        return self._assignment is not None and TP(topic, partition) in self._assignment

    def owns(self, topic: str) -> bool:
        """Tell whether this worker owns any partition of the topic."""
        return self._assignment is not None and any(tp.topic == topic for tp in self._assignment)

    def workers(self) -> list[str]:
        """Return the addresses of all workers that own a partition, as assigned by the group's leader."""
        return sorted(set(self.assignor._external_tps_url.values()))

    def owner_of(self, topic: str, partition: int) -> str | None:
        """Return the address of the partition's owner, as assigned by the group's leader; None in a rebalance."""
        if self.rebalancing:
            return None
        address: str | None = self.assignor._external_tps_url.get(TP(topic, partition))
        return address
