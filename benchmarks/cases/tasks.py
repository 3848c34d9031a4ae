"""`tasks`: calls made and run per second, from call to run, and memory of pending calls; beside Celery and taskiq."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import orjson

from benchmarks import noting, task_systems
from benchmarks.options import Options, Say
from benchmarks.processes import CpuMeter, held_back, memory_bytes
from benchmarks.report import Bars, Result
from benchmarks.stage import Stage, stage
from benchmarks.statistics import percentiles, ratios, spread
from benchmarks.task_systems import System, wait_ran
from benchmarks.turns import in_turns
from streamhooks.errors import Refusal

#: calls per second that every system keeps up with
RATE = 200
#: the part of the calls whose rate counts: a system may run one again much later, if it is not sure that it ran
MOST = 0.99
_HOUR = 3600.0
_BASE = "celery, def"


@dataclass(frozen=True)
class Round:
    """made and run -- calls per second. cpu -- µs per call of `caller`, `worker` and `broker`. twice -- runs too many.

    latency -- of `benchmarks.statistics.percentiles`: ms from call to run at `RATE` calls per second.
    """

    made: float
    run: float
    twice: int
    cpu: dict[str, float]
    latency: dict[str, float]


def run(options: Options, say: Say) -> Result:
    """Queue calls while the worker is paused, run them, then make calls at a rate: all systems in turns."""
    calls, seconds = options.choose(15_000, 300), options.seconds or options.choose(10, 2)
    pending = options.choose(20_000, 300)
    with stage() as scene:
        say("starting the systems")
        started = [task_systems.streamhooks(scene)[0], task_systems.celery(scene), task_systems.taskiq(scene)]
        systems = [one for one in started if isinstance(one, System)]
        skipped = [one for one in started if isinstance(one, str)]
        forms = {f"{system.name}, {kind}": (system, kind) for system in systems for kind in system.kinds}
        for system, kind in forms.values():
            _round(scene, system, kind, options.choose(1_000, 100), 1)
        found = in_turns(_ordered(forms), options, say, lambda name: _round(scene, *forms[name], calls, seconds))
        kept = {}
        for system in systems:
            say(f"{system.name}: {pending:,} calls that are due in an hour")
            kept[system.name] = _kept(scene, system, pending)
    base = _BASE if _BASE in found else next(iter(found))
    rows = [_row(name, those, found[base], base, kept[forms[name][0].name]) for name, those in found.items()]
    notes = [
        *skipped,
        f"{calls:,} calls while the worker is paused, then it runs them; {RATE} calls per second for {seconds} s",
        f"{max(map(len, found.values()))} rounds in turns; a ratio is taken in each round: median, quartiles",
        "run: until 99 % have run; all have in the end, or the benchmark fails",
        "made: until the broker has confirmed all; one caller. Bytes per pending call: with a countdown of an hour",
        "one worker each: streamhooks and taskiq are one process, Celery has one per core, as shipped",
        "taskiq's pending calls are those of its scheduler's source in Redis; ours are on Kafka's disk as well",
    ]
    names = list(found)
    bars = [
        Bars(
            "calls run per second",
            names,
            [row["run/s"] for row in rows],
            [spread([r.run for r in found[n]]) for n in names],
        ),
        Bars("calls made per second", names, [row["made/s"] for row in rows]),
        Bars("p99 from call to run, ms", names, [row["p99, ms"] for row in rows]),
    ]
    return Result("tasks", "tasks: calls of a function that notes its time", rows, notes, bars, found)


def _ordered(forms: dict[str, Any]) -> list[str]:
    """Return the names so that Celery is next to both forms of streamhooks."""
    first = ("streamhooks, async def", _BASE, "streamhooks, def")
    return [name for name in first if name in forms] + [name for name in forms if name not in first]


def _round(scene: Stage, system: System, kind: str, calls: int, seconds: int) -> Round:
    """Measure one system once."""
    noting.forget(system.notes)
    with held_back([system.worker.pid]):
        made = _call(scene, system, kind, calls)
        meter = CpuMeter({"worker": [system.worker.pid], "broker": [system.broker]})
    notes = wait_ran(system, calls)
    taken = meter.taken()
    runs = sorted(note.ran for note in notes if note.number)
    most = max(1, round(len(runs) * MOST))
    noting.forget(system.notes)
    _call(scene, system, kind, count := RATE * seconds, rate=RATE)
    latencies = [(note.ran - note.made) * 1000 for note in wait_ran(system, count) if note.number]
    return Round(
        made["rate"],
        most / max(runs[most - 1] - runs[0], 1e-9),
        len(runs) - calls,
        {"caller": made["cpu"], **{name: used * 1e6 / calls for name, used in taken.items()}},
        percentiles(latencies),
    )


def _call(scene: Stage, system: System, kind: str, count: int, **given: float) -> dict[str, float]:
    """Make calls from another process; return what it says: see `benchmarks.calling`."""
    caller = task_systems.start_calls(scene, system, kind, count, **given)
    caller.wait_stopped(300)
    try:
        said: dict[str, float] = orjson.loads(caller.log.read_text().splitlines()[-1])
    except (IndexError, orjson.JSONDecodeError):
        raise Refusal(f"the calls of {system.name} failed: {caller.end}") from None
    return said


def _kept(scene: Stage, system: System, calls: int) -> dict[str, float | None]:
    """Make calls that are due in an hour; return the bytes that each takes in the worker and in its broker's memory."""
    worker, stored = memory_bytes([system.worker.pid]), system.stored() if system.stored else 0
    _call(scene, system, system.kinds[0], calls, countdown=_HOUR)
    system.wait(system.kept, calls + 1, "calls with a countdown")
    return {
        "worker": (memory_bytes([system.worker.pid]) - worker) / calls,
        "broker": (system.stored() - stored) / calls if system.stored else None,
    }


def _row(
    name: str, found: Sequence[Round], others: Sequence[Round], base: str, kept: dict[str, float | None]
) -> dict[str, Any]:
    run = spread(ratios([one.run for one in found], [one.run for one in others]))
    made = spread(ratios([one.made for one in found], [one.made for one in others]))
    return {
        "system": name,
        "made/s": median(one.made for one in found),
        f"made, of {base}": made.median,
        "run/s": median(one.run for one in found),
        f"run, of {base}": run.median,
        "quartiles": str(run),
        "CPU µs, caller": median(one.cpu["caller"] for one in found),
        "worker": median(one.cpu["worker"] for one in found),
        "broker": median(one.cpu["broker"] for one in found),
        "p50, ms": median(one.latency["p50"] for one in found),
        "p99, ms": median(one.latency["p99"] for one in found),
        "runs twice": sum(one.twice for one in found),
        "bytes per pending call, worker": kept["worker"],
        "Redis": kept["broker"],
    }
