"""`partitions`: 8, 100 and 500 per topic: start, memory, idle CPU, draining and latency, beside the naive sender."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import sample
from benchmarks.draining import Drain
from benchmarks.holding import Held, held_rows, holds_in_turns
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, memory_bytes
from benchmarks.report import Bars, Result
from benchmarks.stage import stage
from benchmarks.turns import about_turns, drain_rows, drains_in_turns

COUNTS = (8, 100, 500)
#: projects with a hook each, over all partitions
PROJECTS = 1_000
#: events per second of the latencies
RATE = 500
#: seconds
IDLE = 10


def run(options: Options, say: Say) -> Result:
    """Measure a worker and the naive sender on a Kafka of their own for each number of partitions."""
    seconds = options.seconds or options.choose(15, 3)
    rows: list[dict[str, Any]] = []
    rounds: dict[str, list[Drain] | list[Held]] = {}
    for count in (8, 100) if options.quick else COUNTS:
        projects = sample.even_projects(max(1, PROJECTS // count), count)
        what = f"{count} partitions: "
        say(f"{what}starting")
        with stage(partitions=count) as scene:
            hooks = sample.hooks(scene.receiver, dict.fromkeys(projects, 1))
            naive = scene.naive(1, hooks)
            began = time.monotonic()
            worker = scene.workers("one.", 1, hooks)
            row: dict[str, Any] = {"partitions": count, "first start, s": time.monotonic() - began}
            drains = drains_in_turns(
                scene, [naive, worker], projects, options.choose(15_000, 1_000), options, say, what=what
            )
            meter = CpuMeter({"worker": worker.pids, "broker": [scene.kafka_pid]})
            time.sleep(options.choose(IDLE, 2))
            row |= {f"idle, cores, {name}": used / options.choose(IDLE, 2) for name, used in meter.taken().items()}
            row["memory, MB"] = memory_bytes(worker.pids) / 1e6
            held = holds_in_turns(
                scene, [naive, worker], RATE, seconds, projects, options, say, what=f"{what}{RATE}/s, "
            )
        rows.append(row | _measured(drains, held, naive.name, worker.name))
        rounds |= {f"{name}, {count}, draining": those for name, those in drains.items()}
        rounds |= {f"{name}, {count}, {RATE}/s": those for name, those in held.items()}
    labels = [str(row["partitions"]) for row in rows]
    bars = [Bars(name, labels, [row[name] for row in rows]) for name in ("rate, of naive", "p99, ms", "memory, MB")]
    notes = [
        f"latency and CPU per event at {RATE} events/s, held for {seconds} s per round",
        "idle: the broker's CPU with the polling of both senders; first start: with the creation of all topics",
        about_turns(rounds),
    ]
    return Result("partitions", "partitions: per topic", rows, notes, bars, rounds)


def _measured(drains: dict[str, list[Drain]], held: dict[str, list[Held]], naive: str, ours: str) -> dict[str, Any]:
    """Return the columns of the worker."""
    drained = next(row for row in drain_rows(drains, naive) if row["sender"] == ours)
    holding = next(row for row in held_rows(held, naive) if row["sender"] == ours)
    return {
        "deliveries/s": drained["deliveries/s"],
        "rate, of naive": drained[f"of {naive}"],
        "quartiles": drained["quartiles"],
        "CPU µs, sender and broker": drained["CPU µs, sender and broker"],
        **{name: holding[name] for name in ("p50, ms", "p99, ms", f"p50, of {naive}", f"p99, of {naive}")},
        "CPU µs per event, worker": holding["CPU µs per event, sender"],
        "broker": holding["broker"],
    }
