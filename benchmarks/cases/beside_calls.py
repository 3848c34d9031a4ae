"""`beside-calls`: how long webhooks take while the worker also runs 10,000 calls of a task, and without them."""

from __future__ import annotations

from benchmarks import noting, sample, task_systems
from benchmarks.cases.deliver import HOOKS
from benchmarks.holding import Held, held_rows, hold
from benchmarks.load import WARM_UP
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage
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
    rows = held_rows(found, _ALONE)
    notes = [
        f"{RATE} events/s for {seconds} s to {HOOKS} hooks; {calls:,} calls of an async function, of another process",
        f"asked for: p99 at most {AIM} times that without calls",
        about_turns(found),
    ]
    measure_of = f"p99, of {_ALONE}"
    bars = [Bars(measure_of, [row["sender"] for row in rows], [row[measure_of] for row in rows])]
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
