"""`deliver`: queued events, one hook each, by one worker and by two; beside the naive sender and Celery."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.draining import Drain, Median, drain, medians
from benchmarks.options import Options, Say
from benchmarks.report import Bars, Result
from benchmarks.stage import Sender, Stage, stage

HOOKS = 50
#: Celery delivers at a tenth of the others' rate: as many events would take minutes.
CELERY_PART = 10


def run(options: Options, say: Say) -> Result:
    """Interleave the drains of all senders: A B C A B C …, and compare their medians."""
    events, rounds = options.choose(15_000, 1_000), options.choose(3, 1)
    layout = {str(number): 1 for number in range(HOOKS)}
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, layout)
        say("starting the senders")
        senders, skipped = _senders(scene, hooks, options)
        drains: dict[str, list[Drain]] = {sender.name: [] for sender in senders}
        for sender in senders:  # connections, caches and consumer groups before what counts
            drain(scene, sender, list(layout), options.choose(1_000, 100))
        for number in range(1, rounds + 1):
            for sender in senders:
                say(f"round {number} of {rounds}: {sender.name}")
                count = events // CELERY_PART if sender.name == "celery" else events
                drains[sender.name].append(drain(scene, sender, list(layout), count))
    found = [medians(name, those) for name, those in drains.items()]
    return Result(
        "deliver", "deliver: one hook per event, draining", _rows(found), skipped + _notes(found), _bars(found)
    )


def _senders(scene: Stage, hooks: list[sample.Hook], options: Options) -> tuple[list[Sender], list[str]]:
    """Start the senders to compare; return them, and a line for each that is not available here."""
    senders = [scene.naive(1, hooks), scene.workers("one.", 1, hooks)]
    if not options.quick:
        senders += [scene.naive(2, hooks), scene.workers("two.", 2, hooks)]
    celery = scene.celery(hooks)
    if isinstance(celery, Sender):
        return [*senders, celery], []
    return senders, [celery]


def _rows(found: list[Median]) -> list[dict[str, object]]:
    by_name = {one.name: one for one in found}
    celery = by_name.get("celery")
    return [
        {
            "sender": one.name,
            "deliveries/s": one.rate,
            "of naive x 1": one.rate / by_name["naive x 1"].rate,
            "of celery": one.rate / celery.rate if celery else None,
            "CPU µs, sender": one.worker_cpu,
            "CPU µs, sender and broker": one.all_cpu,
            "CPU µs, receiver": one.receiver_cpu,
            "duplicates": one.duplicates,
        }
        for one in found
    ]


def _notes(found: list[Median]) -> list[str]:
    by_name = {one.name: one for one in found}
    notes = [f"rates of the rounds, {one.name}: {', '.join(f'{rate:,.0f}' for rate in one.rates)}" for one in found]
    if "streamhooks x 2" in by_name:
        one, two = by_name["streamhooks x 1"], by_name["streamhooks x 2"]
        notes.append(
            f"two workers: {two.rate / one.rate:.2f} times the rate of one; all processes with the receiver took "
            f"{two.rate * (two.all_cpu + two.receiver_cpu) / 1e6:.2f} cores"
        )
    return notes


def _bars(found: list[Median]) -> list[Bars]:
    names = [one.name for one in found]
    return [
        Bars("deliveries per second", names, [one.rate for one in found]),
        Bars("CPU µs per delivery, sender and broker", names, [one.all_cpu for one in found]),
    ]
