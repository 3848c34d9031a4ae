"""`steady`: half of a worker's drain rate, held for ten minutes, to show whether anything grows."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import maximal_rate
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, memory_bytes
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage
from streamhooks.errors import Refusal


def run(options: Options, say: Say) -> Result:
    """Hold the rate, and add one row per minute; `--seconds` sets the length of such a minute."""
    minutes, seconds = options.choose(10, 2), options.seconds or options.choose(60, 3)
    layout = {str(number): 1 for number in range(HOOKS)}
    with stage() as scene:
        worker = scene.workers("one.", 1, sample.hooks(scene.receiver, layout))
        maximum = maximal_rate(scene, worker, list(layout), options, say, options.choose(8_000, 1_000))
        scene.forget()
        rate, length = maximum / 2, minutes * seconds
        load = scene.load(worker, rate, length, list(layout))
        time.sleep(WARM_UP)
        rows = []
        for number in range(1, minutes + 1):
            say(f"minute {number} of {minutes}, at {rate:,.0f} per second")
            rows.append(_minute(scene, worker, number, seconds))
        load.wait_stopped(30)
        worker.wait_settled(60)
        came = sum(row["deliveries"] for row in rows) + scene.received()["ids"]
    if came < rate * length:
        raise Refusal(f"of {rate * length:,.0f} events only {came:,} came")
    notes = [f"maximal rate, draining in this run: {maximum:,.0f} deliveries/s; held: {rate:,.0f} for {length} s"]
    labels = [str(row["minute"]) for row in rows]
    bars = [Bars(name, labels, [float(row[name]) for row in rows]) for name in ("p99, ms", "memory, MB")]
    return Result("steady", "steady: half of the maximal rate, minute by minute", rows, notes, bars)


def _minute(scene: Stage, worker: Sender, number: int, seconds: int) -> dict[str, Any]:
    meter = CpuMeter({"worker": worker.pids, "broker": [scene.kafka_pid]})
    time.sleep(seconds)
    scene.check()
    taken, stats = meter.taken(), scene.received()
    scene.forget()
    latency = stats["latency"]
    if not latency["n"]:
        raise Refusal(f"no delivery came in minute {number}")
    return {
        "minute": number,
        "deliveries": stats["ids"],
        "duplicates": stats["requests"] - stats["ids"],
        **{f"{name}, ms": latency[name] for name in ("p50", "p99", "p99.9", "max")},
        "memory, MB": memory_bytes(worker.pids) / 1e6,
        "CPU, cores of the worker": taken["worker"] / seconds,
        "of Kafka": taken["broker"] / seconds,
    }
