"""Draining: events are queued while their sender is paused; then it delivers as fast as it can."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks import sample
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, held_back, main_seconds
from benchmarks.stage import Sender, Stage
from streamhooks.errors import Refusal

_TIMEOUT = 120.0


@dataclass(frozen=True)
class Drain:
    """One drain.

    rate -- deliveries per second between the first and the last request. duplicates -- requests with an id seen before.
    cpu -- µs per delivery of `sender`, `broker` (Kafka, or Redis) and `receiver`, until all bookkeeping is done; `main`
    is that of the sender's main threads.
    """

    deliveries: int
    rate: float
    duplicates: int
    cpu: dict[str, float]


@dataclass(frozen=True)
class Median:
    """The medians of several drains of one sender; `all_cpu` is that of sender and broker."""

    name: str
    deliveries: int
    rate: float
    rates: list[float]
    worker_cpu: float
    main_cpu: float
    all_cpu: float
    receiver_cpu: float
    duplicates: int


def drain(
    stage: Stage, sender: Sender, projects: Sequence[str], events: int, fan_out: int = 1, *, held: bool = True
) -> Drain:
    """Queue this many events, each of which fires `fan_out` hooks, and deliver them.

    held -- whether the sender is paused until all are queued.

    Raises Refusal if they don't all arrive in time, or if a request's signatures are wrong.
    """
    pairs = list(sample.events(list(projects), events))
    expected = events * fan_out
    stage.forget()
    helpers = [child.pid for child in sender.helpers] or [stage.kafka_pid]
    with held_back(sender.pids if held else ()):
        sender.queue(pairs)
        meter = CpuMeter({"sender": sender.pids, "broker": helpers, "receiver": [stage.receiver_pid]})
        before = main_seconds(sender.pids)
    stats = wait_received(stage, expected, sender.name)
    sender.wait_settled(_TIMEOUT)
    taken = meter.taken() | {"main": main_seconds(sender.pids) - before}
    if stats["unverified"]:
        raise Refusal(f"{sender.name}: {stats['unverified']} requests are not signed as they should be")
    return Drain(
        deliveries=expected,
        rate=expected / max(stats["last"] - stats["first"], 1e-9),
        duplicates=stats["requests"] - stats["ids"],
        cpu={name: seconds * 1e6 / expected for name, seconds in taken.items()},
    )


def maximal_rate(
    stage: Stage, sender: Sender, projects: Sequence[str], options: Options, say: Say, events: int
) -> float:
    """Return the median rate at which the sender drains this many events, in deliveries per second, after a warm-up."""
    say("looking for the maximal rate")
    drain(stage, sender, projects, options.choose(2_000, 200))
    return median(drain(stage, sender, projects, events).rate for _ in range(options.choose(3, 1)))


def wait_received(stage: Stage, ids: int, name: str, timeout: float = _TIMEOUT) -> dict:
    """Wait until the receiver has seen this many ids; return its counts, or raise Refusal."""
    deadline = time.monotonic() + timeout
    while (stats := stage.received())["ids"] < ids:
        stage.check()
        if time.monotonic() > deadline:
            raise Refusal(f"{name}: only {stats['ids']} of {ids} deliveries came within {timeout:.0f} s")
        time.sleep(0.2)
    return stats


def medians(name: str, drains: Sequence[Drain]) -> Median:
    """Return the median of each measure separately."""

    def cpu(*groups: str) -> float:
        return median(sum(one.cpu[group] for group in groups) for one in drains)

    return Median(
        name,
        drains[0].deliveries,
        median(one.rate for one in drains),
        [one.rate for one in drains],
        cpu("sender"),
        cpu("main"),
        cpu("sender", "broker"),
        cpu("receiver"),
        sum(one.duplicates for one in drains),
    )
