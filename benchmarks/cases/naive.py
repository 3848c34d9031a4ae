"""`naive`: what a user would write with aiokafka and aiohttp, by deliveries in flight; one process and two."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.cases.deliver import HOOKS
from benchmarks.draining import Drain, drain, medians
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import stage


def run(options: Options, say: Say) -> Result:
    """Interleave the drains of the naive sender's variants: the best one is compared in `deliver`."""
    events, rounds = options.choose(20_000, 1_000), options.choose(3, 1)
    layout = {str(number): 1 for number in range(HOOKS)}
    forms = [(1, 100)] if options.quick else [(1, 50), (1, 100), (1, 1000), (2, 100)]
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        senders = [scene.naive(count, hooks, in_flight) for count, in_flight in forms]
        drains: list[list[Drain]] = [[] for _ in senders]
        for sender in senders:
            drain(scene, sender, list(layout), options.choose(1_000, 100))
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds}")
            for those, sender in zip(drains, senders, strict=True):
                those.append(drain(scene, sender, list(layout), events))
    found = [medians(sender.name, those) for sender, those in zip(senders, drains, strict=True)]
    rows = [
        {
            "sender": one.name,
            "in flight each": in_flight,
            "deliveries/s": one.rate,
            "CPU µs, sender": one.worker_cpu,
            "CPU µs, sender and broker": one.all_cpu,
            "CPU µs, receiver": one.receiver_cpu,
        }
        for one, (_, in_flight) in zip(found, forms, strict=True)
    ]
    labels = [f"{one.name}, {in_flight} in flight" for one, (_, in_flight) in zip(found, forms, strict=True)]
    bars = Bars("deliveries per second", labels, [one.rate for one in found])
    return Result("naive", "naive: aiokafka and aiohttp, no guarantees, draining", rows, bars=[bars])
