"""`latency`: from produce to receipt, at fractions of a worker's drain rate, beside the naive sender."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import drain, maximal_rate, wait_received
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage

PARTS = (0.25, 0.5, 0.8)
MEASURED = ("p50", "p99", "p99.9")


def run(options: Options, say: Say) -> Result:
    """Find the drain rate, then hold fractions of it, one sender after the other; growth is measured by `steady`."""
    seconds, rounds = options.seconds or options.choose(12, 3), options.choose(5, 1)
    layout = {str(number): 1 for number in range(HOOKS)}
    rows = []
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        worker, naive = scene.workers("one.", 1, hooks), scene.naive(1, hooks)
        maximum = maximal_rate(scene, worker, list(layout), options, say, options.choose(8_000, 1_000))
        drain(scene, naive, list(layout), options.choose(2_000, 200))
        for part in PARTS:
            found: dict[str, list[dict[str, float]]] = {sender.name: [] for sender in (naive, worker)}
            for number in range(1, rounds + 1):
                for sender in (naive, worker):
                    say(f"{part:.0%} of {maximum:,.0f} per second, round {number} of {rounds}: {sender.name}")
                    found[sender.name].append(_hold(scene, sender, maximum * part, seconds))
            rows += [_row(part, maximum * part, name, held) for name, held in found.items()]
    ours = [row for row in rows if row["sender"] == worker.name]
    labels = [str(row["load"]) for row in ours]
    bars = [Bars(f"{name}, ms", labels, [float(row[f"{name}, ms"]) for row in ours]) for name in ("p50", "p99")]
    notes = [
        f"maximal rate, draining in this run: {maximum:,.0f} deliveries/s",
        f"each rate held {rounds} times for {seconds} s; medians, and the least and the greatest p99 of a round",
    ]
    return Result("latency", "latency: from produce to receipt", rows, notes, bars)


def _hold(scene: Stage, sender: Sender, rate: float, seconds: int) -> dict[str, float]:
    scene.forget()
    meter = CpuMeter({"sender": sender.pids})
    load = scene.load(sender, rate, seconds, HOOKS)
    stats = wait_received(scene, round(rate * (WARM_UP + seconds)), sender.name, timeout=seconds + 60)
    cores = meter.taken()["sender"] / max(stats["last"] - stats["first"], 1e-9)
    load.wait_stopped(30)
    sender.wait_settled(60)
    return {**stats["latency"], "cores": cores}


def _row(part: float, rate: float, name: str, held: list[dict[str, float]]) -> dict[str, Any]:
    p99s = [one["p99"] for one in held]
    return {
        "sender": name,
        "load": f"{part:.0%}",
        "events/s": rate,
        **{f"{measure}, ms": median(one[measure] for one in held) for measure in MEASURED},
        "p99 of a round": f"{min(p99s):.0f}–{max(p99s):.0f}",
        "CPU, cores": median(one["cores"] for one in held),
    }
