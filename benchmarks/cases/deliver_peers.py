"""`deliver-peers`: queued events, one hook each, by one worker and by two; beside naive senders and Celery."""

from __future__ import annotations

from statistics import median

from benchmarks import sample
from benchmarks.cases.deliver import EACH
from benchmarks.draining import Drain, medians
from benchmarks.options import Options, Say
from benchmarks.peers import celery
from benchmarks.report import Result
from benchmarks.stage import PARTITIONS, Sender, Stage, stage
from benchmarks.turns import NAIVE, drain_result, drains_in_turns, rate_of

#: Celery delivers at a tenth of the others' rate, and gets this part of their events: all would take minutes.
CELERY_PART = 5


def run(options: Options, say: Say) -> Result:
    """Drain all senders in turns, and compare each with the naive sender in the same round."""
    events = options.choose(15_000, 1_000)
    projects = sample.even_projects(EACH, PARTITIONS)
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, dict.fromkeys(projects, 1))
        say("starting the senders")
        senders, skipped = _senders(scene, hooks, options)
        counts = {one.name: events // CELERY_PART if one.name == "celery" else events for one in senders}
        drains = drains_in_turns(scene, senders, projects, counts, options, say)
    notes = [*skipped, *_notes(drains)]
    return drain_result(
        "deliver-peers", "deliver-peers: one worker and two beside peers, draining", drains, NAIVE, notes
    )


def _senders(scene: Stage, hooks: list[sample.Hook], options: Options) -> tuple[list[Sender], list[str]]:
    """Start the senders to compare; return them, and a line for each that is not available here."""
    senders = [scene.naive(1, hooks), scene.workers("one.", 1, hooks)]
    if not options.quick:
        senders += [scene.naive(2, hooks), scene.workers("two.", 2, hooks)]
    peer = celery(scene, hooks)
    if isinstance(peer, Sender):
        return [*senders, peer], []
    return senders, [peer]


def _notes(drains: dict[str, list[Drain]]) -> list[str]:
    notes = [
        f"rates of the rounds, {name}: {', '.join(f'{one.rate:,.0f}' for one in those)}"
        for name, those in drains.items()
    ]
    one, two = "streamhooks x 1", "streamhooks x 2"
    if "celery" in drains:
        notes.append(f"{one}: {rate_of(drains, one, 'celery').median:.1f} times Celery's rate")
    if two in drains:
        found = medians(two, drains[two])
        cores = median(drain.rate for drain in drains[two]) * (found.all_cpu + found.receiver_cpu) / 1e6
        notes.append(
            f"two workers: {rate_of(drains, two, one).median:.2f} times the rate of one, on full cores; all processes "
            f"with the receiver took {cores:.2f} of them. See `deliver-share`"
        )
    return notes
