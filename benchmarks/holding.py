"""Holding a rate: events come steadily, and what counts is how long each takes to the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.draining import wait_received
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter
from benchmarks.stage import Sender, Stage
from benchmarks.statistics import ratios, spread
from benchmarks.turns import in_turns

MEASURED = ("p50", "p99", "p99.9")


@dataclass(frozen=True)
class Held:
    """A rate, held for a while.

    latency -- of `benchmarks.statistics.percentiles`, in ms, from when the event was due to the receipt. cpu -- µs per
    event of `sender` and `broker`, with what they use without any events. cores -- of the sender.
    """

    rate: float
    latency: dict[str, float]
    cpu: dict[str, float]
    cores: float


def hold(scene: Stage, sender: Sender, rate: float, seconds: float, projects: Sequence[str]) -> Held:
    """Write events at this rate for so many seconds after a warm-up, and wait until all are delivered and settled."""
    events = round(rate * (WARM_UP + seconds))
    scene.forget()
    meter = CpuMeter({"sender": sender.pids, "broker": [scene.kafka_pid]})
    load = scene.load(sender, rate, seconds, projects)
    stats = wait_received(scene, events, sender.name, timeout=seconds + 60)
    taken = meter.taken()
    load.wait_stopped(30)
    sender.wait_settled(60)
    cores = taken["sender"] / max(stats["last"] - stats["first"], 1e-9)
    return Held(rate, stats["latency"], {name: used * 1e6 / events for name, used in taken.items()}, cores)


def holds_in_turns(
    scene: Stage,
    senders: Sequence[Sender],
    rate: float,
    seconds: int,
    projects: Sequence[str],
    options: Options,
    say: Say,
    *,
    what: str = "",
) -> dict[str, list[Held]]:
    """Hold the rate for all senders in turns."""
    by_name = {sender.name: sender for sender in senders}

    def measure(name: str) -> Held:
        return hold(scene, by_name[name], rate, seconds, projects)

    return in_turns(list(by_name), options, say, measure, what)


def held_rows(found: Mapping[str, Sequence[Held]], base: str, **first: Any) -> list[dict[str, Any]]:
    """Return a row per sender, with the medians of its ratios to the sender `base`; `first` are its first columns."""
    rows = []
    for name, those in found.items():
        row: dict[str, Any] = {"sender": name, **first}
        for measure in MEASURED:
            row[f"{measure}, ms"] = median(one.latency[measure] for one in those)
        p99s = [one.latency["p99"] for one in those]
        row["p99 of a round"] = f"{min(p99s):.0f}–{max(p99s):.0f}"
        for measure in ("p50", "p99"):
            of = spread(ratios([one.latency[measure] for one in those], [one.latency[measure] for one in found[base]]))
            row |= {f"{measure}, of {base}": of.median, f"quartiles, {measure}": str(of)}
        row |= {
            "CPU µs per event, sender": median(one.cpu["sender"] for one in those),
            "broker": median(one.cpu["broker"] for one in those),
            "CPU, cores": median(one.cores for one in those),
        }
        rows.append(row)
    return rows
