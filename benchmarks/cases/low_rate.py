"""`low-rate`: 100 events per second: the CPU per event of sender and broker, and what both take when idle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import EACH
from benchmarks.draining import drain
from benchmarks.holding import Held, hold
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter
from benchmarks.report import Bars, Result
from benchmarks.sample import Hook
from benchmarks.stage import PARTITIONS, Sender, Stage, stage
from benchmarks.statistics import ratios, spread
from benchmarks.turns import about_turns, in_turns

#: events per second
RATE = 100
NAIVE, OURS = "naive x 1", "streamhooks x 1"


@dataclass(frozen=True)
class Alone:
    """A sender that was alone with Kafka; `idle` -- cores of `sender` and `broker` without any events."""

    held: Held
    idle: dict[str, float]


def run(options: Options, say: Say) -> Result:
    """Start one sender at a time, let it idle, and hold the rate: the polling of another would cost the broker, too."""
    seconds = options.seconds or options.choose(30, 3)
    projects = sample.even_projects(EACH, PARTITIONS)
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, dict.fromkeys(projects, 1))
        found = in_turns(
            [NAIVE, OURS], options, say, lambda name: _alone(scene, _start(scene, name, hooks), projects, seconds)
        )
    rows = [_row(name, those, found[NAIVE]) for name, those in found.items()]
    notes = [f"{RATE} events/s for {seconds} s; idle for a third of it; one sender at a time", about_turns(found)]
    names = [str(row["sender"]) for row in rows]
    bars = [
        Bars(f"CPU µs per event, {part}", names, [row[f"CPU µs per event, {part}"] for row in rows])
        for part in ("sender", "broker")
    ]
    return Result("low-rate", f"low-rate: {RATE} events per second", rows, notes, bars, found)


def _start(scene: Stage, name: str, hooks: list[Hook]) -> Sender:
    return scene.naive(1, hooks) if name == NAIVE else scene.workers("low.", 1, hooks)


def _alone(scene: Stage, sender: Sender, projects: list[str], seconds: int) -> Alone:
    """Measure a sender that was just started, and end it."""
    drain(scene, sender, projects, 300)
    meter = CpuMeter({"sender": sender.pids, "broker": [scene.kafka_pid]})
    began = time.monotonic()
    time.sleep(seconds / 3)
    took = time.monotonic() - began
    idle = {name: used / took for name, used in meter.taken().items()}
    held = hold(scene, sender, RATE, seconds, projects)
    scene.end(*sender.children)
    return Alone(held, idle)


def _row(name: str, found: list[Alone], others: list[Alone]) -> dict[str, Any]:
    row: dict[str, Any] = {"sender": name}
    for part in ("sender", "broker"):
        used = [one.held.cpu[part] for one in found]
        row[f"CPU µs per event, {part}"] = median(used)
        row[f"{part}, of naive"] = spread(ratios(used, [one.held.cpu[part] for one in others])).median
        row[f"idle, cores, {part}"] = median(one.idle[part] for one in found)
    row |= {f"{measure}, ms": median(one.held.latency[measure] for one in found) for measure in ("p50", "p99")}
    return row
