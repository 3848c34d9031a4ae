"""`latency`: from produce to receipt, at 25, 50 and 80 % of the rate at which the same worker drains."""

from __future__ import annotations

from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import maximal_rate, wait_received
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, memory_bytes
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage

PARTS = (0.25, 0.5, 0.8)


def run(options: Options, say: Say) -> Result:
    """Find the rate, then hold each part of it; whether anything grows is for `steady`."""
    seconds = options.seconds or options.choose(12, 3)
    layout = {str(number): 1 for number in range(HOOKS)}
    rows = []
    with stage() as scene:
        worker = scene.workers("one.", 1, sample.hooks(scene.receiver, layout))
        maximum = maximal_rate(scene, worker, list(layout), options, say, options.choose(8_000, 1_000))
        for part in PARTS:
            say(f"{part:.0%} of {maximum:,.0f} a second for {seconds} s")
            rows.append(_row(part, maximum * part, _hold(scene, worker, maximum * part, seconds)))
    labels = [str(row["load"]) for row in rows]
    bars = [Bars(f"{name}, ms", labels, [float(row[f"{name}, ms"]) for row in rows]) for name in ("p50", "p99")]
    notes = [f"maximal rate, draining in this run: {maximum:,.0f} deliveries/s; each rate held for {seconds} s"]
    return Result("latency", "latency: from produce to receipt", rows, notes, bars)


def _hold(scene: Stage, worker: Sender, rate: float, seconds: int) -> dict[str, Any]:
    scene.forget()
    before = memory_bytes(worker.pids)
    meter = CpuMeter({"worker": worker.pids})
    load = scene.load(worker, rate, seconds, HOOKS)
    count = round(rate * (WARM_UP + seconds))
    stats = wait_received(scene, count, worker.name, timeout=seconds + 60)
    cpu = meter.taken()["worker"] / max(stats["last"] - stats["first"], 1e-9)
    load.wait_stopped(30)
    worker.wait_settled(60)
    return {**stats, "cores": cpu, "grown": memory_bytes(worker.pids) - before}


def _row(part: float, rate: float, stats: dict[str, Any]) -> dict[str, Any]:
    latency = stats["latency"]
    return {
        "load": f"{part:.0%}",
        "events/s": rate,
        **{f"{name}, ms": latency[name] for name in ("p50", "p99", "p99.9", "max")},
        "CPU, cores of the worker": stats["cores"],
        "memory grown, MB": stats["grown"] / 1e6,
    }
