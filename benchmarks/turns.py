"""Senders in turns: a round measures each once, and a ratio is taken within a round.

The rate of a machine changes by the minute. Two neighbours have the same minute; two medians of a whole run do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from benchmarks import sample
from benchmarks.draining import Drain, drain, medians
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage
from benchmarks.statistics import Spread, ratios, spread

#: the name of a single naive sender
NAIVE = "naive x 1"
#: rounds of a full run
ROUNDS = 7
T = TypeVar("T")


def in_turns(
    names: Sequence[str], options: Options, say: Say, measure: Callable[[str], T], what: str = ""
) -> dict[str, list[T]]:
    """Measure by name, A B, B A, A B, …; return what each round found.

    Every second round goes backwards, so that what becomes slower or faster all the time favours none of two.
    """
    found: dict[str, list[T]] = {name: [] for name in names}
    rounds = options.choose(ROUNDS, 1)
    for number in range(1, rounds + 1):
        for name in names if number % 2 else reversed(names):
            say(f"{what}round {number} of {rounds}: {name}")
            found[name].append(measure(name))
    return found


def drains_in_turns(
    scene: Stage,
    senders: Sequence[Sender],
    projects: Sequence[str],
    events: Mapping[str, int] | int,
    options: Options,
    say: Say,
    *,
    fan_out: int = 1,
    what: str = "",
) -> dict[str, list[Drain]]:
    """Warm all senders up, and drain them in turns.

    events -- per drain, the same for all senders or by their names.
    """
    by_name = {sender.name: sender for sender in senders}
    for sender in senders:  # connections, caches and consumer groups before what counts
        drain(scene, sender, projects, max(1, options.choose(2_000, 100) // fan_out), fan_out)

    def measure(name: str) -> Drain:
        count = events if isinstance(events, int) else events[name]
        return drain(scene, by_name[name], projects, count, fan_out)

    return in_turns(list(by_name), options, say, measure, what)


def drains_beside_naive(
    scene: Stage, projects: Sequence[str], events: int, options: Options, say: Say
) -> dict[str, list[Drain]]:
    """Drain the naive sender and one worker in turns: a hook per project, on the hosts of the stage."""
    hooks = sample.hooks(scene.receivers, dict.fromkeys(projects, 1))
    say("starting the senders")
    senders = [scene.naive(1, hooks), scene.workers("one.", 1, hooks)]
    return drains_in_turns(scene, senders, projects, events, options, say)


def drain_rows(drains: Mapping[str, Sequence[Drain]], base: str) -> list[dict[str, Any]]:
    """Return a row per sender, with the medians of its ratios to the sender `base`."""
    rows = []
    for name, those in drains.items():
        one, rate = medians(name, those), rate_of(drains, name, base)
        cpu = spread(ratios([_all_cpu(drain) for drain in those], [_all_cpu(drain) for drain in drains[base]]))
        rows.append(
            {
                "sender": name,
                "deliveries/s": one.rate,
                f"of {base}": rate.median,
                "quartiles": str(rate),
                "CPU µs, sender": one.worker_cpu,
                "CPU µs, main thread": one.main_cpu,
                "CPU µs, sender and broker": one.all_cpu,
                f"CPU, of {base}": cpu.median,
                "CPU µs, receiver": one.receiver_cpu,
                "duplicates": one.duplicates,
            }
        )
    return rows


def rate_of(drains: Mapping[str, Sequence[Drain]], name: str, base: str) -> Spread:
    """Return the quartiles of the ratios between the rates of two senders."""
    return spread(ratios([one.rate for one in drains[name]], [one.rate for one in drains[base]]))


def drain_result(
    name: str, title: str, drains: Mapping[str, Sequence[Drain]], base: str, notes: Sequence[str] = ()
) -> Result:
    """Return the result of drains in turns, with a plot of rates and one of CPU."""
    rows = drain_rows(drains, base)
    names = [str(row["sender"]) for row in rows]
    rates = {one: spread([drain.rate for drain in those]) for one, those in drains.items()}
    bars = [
        Bars(
            "deliveries per second, with quartiles", names, [rates[one].median for one in names], list(rates.values())
        ),
        Bars("CPU µs per delivery, sender and broker", names, [row["CPU µs, sender and broker"] for row in rows]),
    ]
    return Result(name, title, rows, [*notes, about_turns(drains)], bars, drains)


def about_turns(found: Mapping[str, Sequence[Any]]) -> str:
    """Return the line that says what the ratios are."""
    rounds = max(len(those) for those in found.values())
    return f"{rounds} rounds in turns; a ratio is taken in each round: median, quartiles"


def _all_cpu(drain: Drain) -> float:
    return drain.cpu["sender"] + drain.cpu["broker"]
