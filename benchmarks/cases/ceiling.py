"""`ceiling`: aiohttp alone in a loop, beside the naive sender, to show how much of its time is HTTP."""

from __future__ import annotations

import sys

import orjson

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import Drain, drain, medians, wait_received
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter
from benchmarks.report import Bars, Result
from benchmarks.sample import Hook
from benchmarks.stage import Stage, stage
from streamhooks.errors import Refusal


def run(options: Options, say: Say) -> Result:
    """Interleave runs of the loop and drains of the naive sender."""
    count, rounds = options.choose(20_000, 1_000), options.choose(3, 1)
    layout = {str(number): 1 for number in range(HOOKS)}
    loops: list[Drain] = []
    drains: list[Drain] = []
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        naive = scene.naive(1, hooks)
        drain(scene, naive, list(layout), options.choose(1_000, 100))
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds}")
            drains.append(drain(scene, naive, list(layout), count))
            loops.append(_loop(scene, hooks, count))
    found = [medians("aiohttp alone", loops), medians("naive x 1", drains)]
    rows = [
        {
            "sender": one.name,
            "deliveries/s": one.rate,
            "of aiohttp alone": one.rate / found[0].rate,
            "CPU µs, sender": one.worker_cpu,
            "CPU µs, sender and broker": one.all_cpu,
            "CPU µs, receiver": one.receiver_cpu,
        }
        for one in found
    ]
    bars = Bars("deliveries per second", [one.name for one in found], [one.rate for one in found])
    return Result("ceiling", "ceiling: aiohttp alone, the same body, headers and signatures", rows, bars=[bars])


def _loop(scene: Stage, hooks: list[Hook], count: int) -> Drain:
    work = {
        "hooks": [hook.record() for hook in hooks],
        "event": sample.event("0", 0.0),
        "base_url": sample.BASE_URL,
        "count": count,
        "in_flight": 100,
    }
    scene.forget()
    meter = CpuMeter({"receiver": [scene.receiver_pid]})
    command = [sys.executable, "-m", "benchmarks.senders.ceiling", orjson.dumps(work).decode()]
    child = scene.start("ceiling", command, ended=True)
    stats = wait_received(scene, count, "aiohttp alone")
    child.wait_stopped(10)
    if stats["unverified"]:
        raise Refusal(f"aiohttp alone: {stats['unverified']} requests are not signed as they should be")
    # It reports the time of its loop itself, so that its start is not measured.
    seconds = float(child.log.read_text().splitlines()[-1])
    cpu = {"sender": seconds, "main": seconds, "broker": 0.0, **meter.taken()}
    return Drain(count, count / (stats["last"] - stats["first"]), 0, {name: c * 1e6 / count for name, c in cpu.items()})
