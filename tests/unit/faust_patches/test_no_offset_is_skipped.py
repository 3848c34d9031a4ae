"""Whatever order a rebalance, fetches and an agent go in, every record is handed over, or read again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.fetching_clients import A, B, Broker, LoopClient, Threads

from streamhooks.faust_patches import consumer as consumer_module
from streamhooks.faust_patches import fetched_messages
from streamhooks.faust_patches.aiokafka_fetching import AiokafkaFetching
from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.consumer import Consumer
from streamhooks.faust_patches.fetching import Fetching
from streamhooks.faust_patches.lanes import Lane
from streamhooks.faust_patches.librdkafka_fetching import LibrdkafkaFetching
from streamhooks.faust_patches.positions import Positions
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.logs import Log, Reading
from streamhooks.settings import Settings
from streamhooks.sources.intake import Intake

#: turns of the loop in which everything is read
TURNS = 500


class Worker:
    """The way of records from the broker to the agent of a worker, whose steps the test orders."""

    def __init__(self, broker: Broker, fetching: Fetching) -> None:
        self.broker = broker
        self.commits = {A: Reading(0, "id", 0), B: Reading(0, "id", 0)}
        self.taken: dict[TP, set[int]] = {A: set(), B: set()}
        self.mine: tuple[TP, ...] = ()
        self.late: Callable[[], None] = _nothing
        self._fetching = fetching
        self._tracker = Tracker()
        self._holes: Any = SimpleNamespace(_natural_holes={})
        self._positions = Positions(
            self,
            {"events": fetching},
            self._tracker,
            lambda _tp, read, _log, _kept: 0 if read is None else read.offset,
            on_hole=lambda *hole: App.note_natural_hole(self._holes, *hole),
            on_moved=lambda *_: None,
        )
        self._intake = Intake(
            self._tracker,
            None,  # type: ignore[arg-type] # no record makes a call
            None,  # type: ignore[arg-type]
            read_range=self._read_range,
            is_natural_hole=lambda *hole: App.is_natural_hole(self._holes, *hole),
            origins=SimpleNamespace(of=lambda _record: None),  # type: ignore[arg-type]
        )
        self._queue: asyncio.Queue[Any] = asyncio.Queue(4096)
        self._consumer = self._made()
        self._draining = asyncio.ensure_future(self._drain())

    def _made(self) -> Consumer:
        consumer = Consumer.__new__(Consumer)
        index: dict[Any, Any] = defaultdict(lambda: [SimpleNamespace(queue=self._queue)])
        consumer.app = SimpleNamespace(topics=SimpleNamespace(_tp_index=index), ahead=1_000_000, owned_topics=set())
        consumer._fetching = {"events": self._fetching}
        consumer._lanes = {"events": Lane()}
        consumer._thread = SimpleNamespace(polled=nullcontext)  # type: ignore[assignment]
        consumer.positions = self._positions
        consumer.can_resume_flow, consumer.suspend_flow = asyncio.Event(), asyncio.Event()
        consumer._active_partitions, consumer._paused_partitions = set(), set()
        return consumer

    async def _read_range(self, *hole: Any) -> Any:
        raise AssertionError(f"not handed over: {hole}")

    async def _drain(self) -> None:
        while True:
            await self._consumer.can_resume_flow.wait()
            await self._consumer._drain_topic("events")

    # --- as the brokers

    async def committed(self, tps: Collection[TP]) -> dict[TP, Reading | None]:
        await asyncio.sleep(0)
        return {tp: self.commits[tp] for tp in tps}

    async def logs(self, tps: Collection[TP]) -> dict[TP, Log]:
        await asyncio.sleep(0)
        return {tp: Log("id", len(self.broker.elections), 0, self.broker.ends[tp]) for tp in tps}

    async def epoch_ends(self, epochs: Mapping[TP, int]) -> dict[TP, int | None]:
        self.late()  # from here on nothing else runs until the client reads elsewhere
        return {tp: self.broker.end_of(tp, epoch) for tp, epoch in epochs.items()}

    # --- steps

    def revoke(self) -> None:
        """Suspend, clear, commit and forget, as Faust and our consumer do when a rebalance begins."""
        self._consumer.stop_flow()
        self._clear()
        self._consumer._active_partitions.clear()
        for tp in self.mine:
            self.commits[tp] = self._positions.reading(tp, Settled(self._tracker.floor(tp) or 0))
        self._positions.forget(self.mine)
        self._tracker.revoke(self.mine)
        self.mine = ()

    async def position(self, tps: tuple[TP, ...]) -> None:
        """Clear and seek, as the recovery does at the end of a rebalance."""
        self._clear()
        self._holes._natural_holes.clear()
        await self._positions.take_over(tps)
        self.mine = tps

    def resume(self) -> None:
        self._consumer.resume_partitions(self.mine)
        self._consumer.resume_flow()

    async def restart(self) -> None:
        """Cancel what fetches, and begin again."""
        await self.end()
        if not self._draining.cancelled():
            self._draining.result()
        self._draining = asyncio.ensure_future(self._drain())

    async def seek(self) -> None:
        """Read on at the same places, by a new client: what a client has reported was wrong."""
        self._positions.suspect([A, B])
        await self._positions.check()

    async def check(self) -> None:
        """Compare the logs with what was read, as is done every few seconds, and on evidence."""
        await self._positions.check()

    async def take(self) -> None:
        """Let the agent take up a batch."""
        if self._draining.done():
            self._draining.result()
        if not self._queue.empty():
            batch = self._queue.get_nowait()
            while batch:
                await self._intake.take_up(batch.popleft(), self._calls_of)

    def _calls_of(self, record: Any, _origin: object) -> list[Any]:
        self.taken[TP(record.topic, record.partition)].add(record.offset)
        return []

    def _clear(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    def is_behind(self) -> bool:
        offsets = self.broker.offsets.items()
        return any(found and self._tracker.expected(tp) != found[-1] + 1 for tp, found in offsets)

    async def end(self) -> None:
        self._draining.cancel()
        await asyncio.wait([self._draining])


def _nothing() -> None: ...


KINDS = st.sampled_from(
    ["A", "A after a marker", "B", "pass", "take", "restart", "seek", "check", "election", "time goes by"]
)
#: what happens, and how many turns of the loop come after it
EVENTS = st.lists(st.tuples(KINDS, st.sampled_from([0, 1, 6])), max_size=4)
#: the partitions that a rebalance gives; whether threads hand over just before they are read; what happens without
#: partitions, before the flow is resumed, and afterwards
REBALANCES = st.lists(st.tuples(st.sampled_from([(A,), (A, B)]), st.booleans(), EVENTS, EVENTS, EVENTS), max_size=4)


async def play(fetcher: str, rebalances: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(fetched_messages, "steady", lambda: now[0])
    monkeypatch.setattr(fetched_messages, "LOOK", 0.0)
    monkeypatch.setattr(consumer_module, "IDLE", 0.0)
    broker = Broker()
    threads = Threads(broker, monkeypatch)
    fetching = made(fetcher, broker)
    worker = Worker(broker, fetching)

    async def happen(events: list[tuple[str, int]]) -> None:
        for kind, turns in events:
            match kind:
                case "pass":
                    threads.let_pass()
                case "time goes by":
                    now[0] += 1.0
                case "election":
                    broker.elections.append(broker.ends.copy())
                case "take" | "restart" | "seek" | "check":
                    await getattr(worker, kind)()
                case _:
                    broker.append(B if kind == "B" else A, with_marker="marker" in kind)
            threads.wait()
            for _ in range(turns):
                await asyncio.sleep(0)
            threads.wait()

    try:
        for tps, late, revoked, positioned, resumed in rebalances:
            worker.revoke()
            await happen(revoked)
            worker.late = threads.let_pass if late else _nothing
            await worker.position(tps)
            worker.late = _nothing
            await happen(positioned)
            worker.resume()
            await happen(resumed)
        if worker.mine != (A, B):
            worker.revoke()
            await worker.position((A, B))
            worker.resume()
        for _ in range(TURNS):
            await happen([("pass", 1), ("take", 0), ("check", 0)])
            if not worker.is_behind():
                break
    finally:
        await worker.end()
        threads.free()
        await fetching.stop()
    assert {tp: sorted(taken) for tp, taken in worker.taken.items()} == broker.offsets


def made(fetcher: str, broker: Broker) -> Fetching:
    if fetcher == "librdkafka":
        return LibrdkafkaFetching(Settings(brokers=("127.0.0.1:1",)), 1_000_000)
    one = AiokafkaFetching({}, 1_000_000, lambda: False)
    one._client = LoopClient(broker)  # type: ignore[assignment]
    one._epochs.of = lambda topic, partition, offset: broker.epoch_of(TP(topic, partition), offset)  # type: ignore[method-assign]
    return one


#: a wait that begins in one assignment, while the first record of the next one comes before the flow is resumed
WAITS_BEYOND = [((A, B), False, [], [], [("take", 6)]), ((A, B), False, [], [("A", 6), ("pass", 6)], [("A", 6)])]


@pytest.mark.parametrize("fetcher", ["librdkafka", "aiokafka"])
@given(rebalances=REBALANCES)
@example(WAITS_BEYOND)
@settings(deadline=None, max_examples=200)
def test_every_record_is_handed_over_whatever_order_things_happen_in(fetcher: str, rebalances: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(play(fetcher, rebalances, monkeypatch))
