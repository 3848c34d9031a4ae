"""`beside-calls`: how long webhooks take while the worker also runs 10,000 calls of a task, and without them."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks import noting, sample, task_systems
from benchmarks.cases.deliver import HOOKS
from benchmarks.holding import Held, hold
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage
from benchmarks.statistics import ratios, spread
from benchmarks.task_systems import System, start_calls, wait_ran
from benchmarks.turns import about_turns, in_turns

#: events per second
RATE = 500
#: the requirement: webhooks take at most so many times as long
AIM = 1.3
_ALONE, _SPREAD, _AT_ONCE = "without calls", "calls spread over the time", "calls all at once"


def run(options: Options, say: Say) -> Result:
    """Hold a rate of webhooks, in turns without calls and with calls of both forms."""
    calls, seconds = options.choose(10_000, 300), options.seconds or options.choose(10, 2)
    projects = [str(number) for number in range(HOOKS)]
    with stage() as scene:
        say("starting the worker")
        system, worker = task_systems.streamhooks(scene, sample.hooks(scene.receiver, dict.fromkeys(projects, 1)))
        forms: dict[str, dict[str, float] | None] = {
            _ALONE: None,
            _SPREAD: {"after": WARM_UP, "rate": calls / seconds},
            _AT_ONCE: {"after": WARM_UP + seconds / 4},
        }

        def measure(name: str) -> Held:
            return _held(scene, system, worker, projects, seconds, calls, forms[name])

        for name in forms:  # connections and caches
            say(f"warming up: {name}")
            _held(scene, system, worker, projects, options.choose(2, 1), options.choose(1_000, 50), forms[name])
        found = in_turns(list(forms), options, say, measure)
    rows = [_row(name, those, found[_ALONE]) for name, those in found.items()]
    notes = [
        f"{RATE} events/s for {seconds} s to {HOOKS} hooks; {calls:,} calls of an async function, of another process",
        f"asked for: p99 at most {AIM} times that without calls",
        about_turns(found),
    ]
    names = [str(row["webhooks"]) for row in rows]
    bars = [Bars("p99 of webhooks, of without calls", names, [row["p99, of without"] for row in rows])]
    return Result("beside-calls", "beside-calls: webhooks beside 10,000 calls of a task", rows, notes, bars, found)


def _held(
    scene: Stage,
    system: System,
    worker: Sender,
    projects: list[str],
    seconds: float,
    calls: int,
    form: dict[str, float] | None,
) -> Held:
    """Hold the rate once; wait until the calls have run as well."""
    if form is None:
        return hold(scene, worker, RATE, seconds, projects)
    noting.forget(system.notes)
    caller = start_calls(scene, system, system.kinds[0], calls, **form)
    held = hold(scene, worker, RATE, seconds, projects)
    caller.wait_stopped(60)
    wait_ran(system, calls)
    return held


def _row(name: str, found: list[Held], alone: list[Held]) -> dict[str, Any]:
    row: dict[str, Any] = {"webhooks": name}
    for measure in ("p50", "p99", "p99.9"):
        row[f"{measure}, ms"] = median(one.latency[measure] for one in found)
    for measure in ("p50", "p99"):
        of = spread(ratios([one.latency[measure] for one in found], [one.latency[measure] for one in alone]))
        row |= {f"{measure}, of without": of.median, f"quartiles, {measure}": str(of)}
    row["CPU, cores of the worker"] = median(one.cores for one in found)
    return row
