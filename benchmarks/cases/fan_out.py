"""`fan-out`: one event to 1, 10, 100 and 1,000 hooks, beside the naive sender with the same hooks."""

from __future__ import annotations

from typing import Any

from benchmarks import sample
from benchmarks.draining import Drain
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import stage
from benchmarks.turns import about_turns, drain_rows, drains_in_turns

#: hooks per event -> number of projects, so that no hook exceeds its bound in flight for long during a drain
LAYOUT = {1: 50, 10: 10, 100: 2, 1000: 1}


def run(options: Options, say: Say) -> Result:
    """Drain both senders in turns at each width; every drain has the same number of deliveries."""
    deliveries = options.choose(15_000, 1_000)
    widths = [1, 10] if options.quick else list(LAYOUT)
    projects = {width: [f"{width}-{number}" for number in range(LAYOUT[width])] for width in widths}
    layout = {project: width for width, those in projects.items() for project in those}
    rows: list[dict[str, Any]] = []
    rounds: dict[str, list[Drain]] = {}
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        say("starting the senders")
        senders = [scene.naive(1, hooks), scene.workers("one.", 1, hooks)]
        for width in widths:
            what, events = f"{width} hooks per event: ", deliveries // width
            drains = drains_in_turns(scene, senders, projects[width], events, options, say, fan_out=width, what=what)
            naive, ours = drain_rows(drains, senders[0].name)
            rows.append(
                {
                    "hooks per event": width,
                    "naive, deliveries/s": naive["deliveries/s"],
                    "streamhooks, deliveries/s": ours["deliveries/s"],
                    "of naive": ours[f"of {senders[0].name}"],
                    "quartiles": ours["quartiles"],
                    "CPU µs, naive": naive["CPU µs, sender"],
                    "CPU µs, streamhooks": ours["CPU µs, sender"],
                    "CPU µs, with broker": ours["CPU µs, sender and broker"],
                    "CPU with broker, of naive": ours[f"CPU, of {senders[0].name}"],
                    "duplicates": ours["duplicates"],
                }
            )
            rounds |= {f"{name}, {width}": those for name, those in drains.items()}
    labels = [f"{width} hooks" for width in widths]
    bars = [
        Bars("rate, of naive", labels, [row["of naive"] for row in rows]),
        Bars("CPU µs per delivery, with broker", labels, [row["CPU µs, with broker"] for row in rows]),
    ]
    notes = [about_turns(rounds)]
    return Result("fan-out", "fan-out: one event to many hooks, draining", rows, notes, bars, rounds)
