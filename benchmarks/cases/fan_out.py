"""`fan-out`: one event to 1, 10, 100 and 1,000 hooks, beside the naive sender with the same hooks."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.draining import Drain, drain, medians
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import stage

#: hooks per event -> number of projects, so that no hook exceeds its bound in flight for long during a drain
LAYOUT = {1: 50, 10: 10, 100: 2, 1000: 1}


def run(options: Options, say: Say) -> Result:
    """Interleave both senders at each width; every drain has the same number of deliveries."""
    deliveries, rounds = options.choose(10_000, 1_000), options.choose(3, 1)
    widths = [1, 10] if options.quick else list(LAYOUT)
    projects = {width: [f"{width}-{number}" for number in range(LAYOUT[width])] for width in widths}
    layout = {project: width for width, those in projects.items() for project in those}
    drains: dict[tuple[int, str], list[Drain]] = {}
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        say("starting the senders")
        senders = [scene.naive(1, hooks), scene.workers("one.", 1, hooks)]
        for sender in senders:
            drain(scene, sender, projects[1], options.choose(1_000, 100))
        for number in range(1, rounds + 1):
            for width in widths:
                say(f"round {number} of {rounds}: {width} hooks per event")
                for sender in senders:
                    one = drain(scene, sender, projects[width], deliveries // width, width)
                    drains.setdefault((width, sender.name), []).append(one)
    rows = []
    for width in widths:
        naive, ours = (medians(sender.name, drains[width, sender.name]) for sender in senders)
        rows.append(
            {
                "hooks per event": width,
                "naive, deliveries/s": naive.rate,
                "streamhooks, deliveries/s": ours.rate,
                "of naive": ours.rate / naive.rate,
                "CPU µs, naive": naive.worker_cpu,
                "CPU µs, streamhooks": ours.worker_cpu,
                "CPU µs, with broker": ours.all_cpu,
                "duplicates": ours.duplicates,
            }
        )
    labels = [f"{width} hooks" for width in widths]
    bars = [
        Bars("rate, of naive", labels, [row["of naive"] for row in rows]),
        Bars("CPU µs per delivery, with broker", labels, [row["CPU µs, with broker"] for row in rows]),
    ]
    return Result("fan-out", "fan-out: one event to many hooks, draining", rows, bars=bars)
