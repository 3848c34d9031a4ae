"""`latency`: from produce to receipt, at 1,000 events/s and half of a drain rate, beside the naive sender."""

from __future__ import annotations

from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import EACH
from benchmarks.draining import drain, maximal_rate
from benchmarks.holding import Held, held_rows, holds_in_turns
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import PARTITIONS, stage
from benchmarks.turns import about_turns

#: events per second
RATE = 1_000
PART = 0.5


def run(options: Options, say: Say) -> Result:
    """Find the drain rate, then hold each load, both senders in turns; growth is measured by `steady`."""
    seconds = options.seconds or options.choose(15, 3)
    projects = sample.even_projects(EACH, PARTITIONS)
    rows: list[dict[str, Any]] = []
    rounds: dict[str, list[Held]] = {}
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, dict.fromkeys(projects, 1))
        naive, worker = scene.naive(1, hooks), scene.workers("one.", 1, hooks)
        maximum = maximal_rate(scene, worker, projects, options, say, options.choose(15_000, 1_000))
        drain(scene, naive, projects, options.choose(2_000, 200))
        for load, rate in ((f"{RATE:,}/s", float(RATE)), (f"{PART:.0%} of the maximum", maximum * PART)):
            found = holds_in_turns(scene, [naive, worker], rate, seconds, projects, options, say, what=f"{load}: ")
            rows += held_rows(found, naive.name, load=load, **{"events/s": rate})
            rounds |= {f"{name}, {load}": those for name, those in found.items()}
    labels = [f"{row['sender']}, {row['load']}" for row in rows]
    bars = [Bars(f"{name}, ms", labels, [row[f"{name}, ms"] for row in rows]) for name in ("p50", "p99")]
    notes = [
        f"maximal rate of the worker, draining in this run: {maximum:,.0f} deliveries/s",
        f"each load held for {seconds} s per round; p99 of a round: the lowest and the highest",
        about_turns(rounds),
    ]
    return Result("latency", "latency: from produce to receipt", rows, notes, bars, rounds)
