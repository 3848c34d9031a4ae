"""`isolation`: one of 50 hooks hangs while it gets a fifth of the events: the effect on the others, in one run."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import maximal_rate
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage

#: every fifth event is for the hook that will hang, from the beginning: only its responses stop
EVERY = 5
#: part of the rate at which the same worker drains
PART = 0.4
#: a request times out after 5 s: all of this happens before the first breaker opens
FIRST = 5
_APART = "apart"
_HELD_BACK = ("streamhooks_overflowed_calls_total", "streamhooks_breakers_opened_total")


def run(options: Options, say: Say) -> Result:
    """Hold one rate; meanwhile let one hook hang, and then answer again."""
    before, during = options.seconds or options.choose(15, 3), options.seconds or options.choose(25, 8)
    layout = {str(number): 1 for number in range(HOOKS - 1)}
    with stage() as scene:
        hooks = [*sample.hooks(scene.receiver, layout), sample.hook_apart(scene.receiver, _APART)]
        worker = scene.workers("one.", 1, hooks)
        maximum = maximal_rate(scene, worker, list(layout), options, say, options.choose(6_000, 600))
        rate = maximum * PART
        scene.forget()
        load = scene.load(worker, rate, 2 * before + during, list(layout), EVERY)
        say(f"{rate:,.0f} per second: all hooks answer")
        _wait_for_ids(scene, rate * WARM_UP)
        rows = [_phase(scene, worker, "all answer", before)]
        say("one hook hangs")
        scene.hang(True)
        rows.append(_phase(scene, worker, f"one hangs, the first {FIRST} s", FIRST))
        rows.append(_phase(scene, worker, f"one hangs, the next {during - FIRST} s", during - FIRST))
        counted = [f"{name}: {scene.metric(worker.bases[0], name) or 0:,.0f}" for name in _HELD_BACK]
        say("it answers again")
        scene.hang(False)
        rows.append(_phase(scene, worker, "it answers again", before - WARM_UP))
        load.wait_stopped(60)
    for row in rows:
        row["p99, of before"] = row["p99, ms"] / rows[0]["p99, ms"]
        row["rate, of before"] = row["deliveries/s to the others"] / rows[0]["deliveries/s to the others"]
    notes = [
        f"{rate:,.0f} events/s, {PART:.0%} of the {maximum:,.0f} at which this worker drained in this run",
        f"every {EVERY}th event is for the hook that hangs, from the beginning",
        "latency from produce to receipt, and rate, of the other 49 hooks",
        "while it hung: " + ", ".join(counted),
    ]
    labels = [str(row["phase"]) for row in rows]
    bars = [
        Bars("p99 of the others, ms", labels, [float(row["p99, ms"]) for row in rows]),
        Bars("deliveries/s to the others", labels, [float(row["deliveries/s to the others"]) for row in rows]),
    ]
    return Result("isolation", "isolation: one of 50 hooks hangs", rows, notes, bars)


def _wait_for_ids(scene: Stage, count: float) -> None:
    while scene.received()["requests"] < count * (1 - 1 / EVERY):
        scene.check()
        time.sleep(0.1)


def _phase(scene: Stage, worker: Sender, name: str, seconds: float) -> dict[str, Any]:
    """Let the load continue for this long; return the deliveries to the others meanwhile."""
    scene.forget()
    meter = CpuMeter({"worker": worker.pids})
    began = time.monotonic()
    time.sleep(seconds)
    stats = scene.received()
    took = time.monotonic() - began
    scene.check()
    latency = stats["latency"]
    return {
        "phase": name,
        **{f"{part}, ms": latency[part] for part in ("p50", "p99", "max")},
        "deliveries/s to the others": stats["ids"] / took,
        "requests to the one": stats["apart"],
        "CPU, cores of the worker": meter.taken()["worker"] / took,
    }
