"""`deliver-share`: one worker and two, each held to its own share of a core, so that nothing else holds them back."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.cases.deliver import EACH
from benchmarks.options import Options, Say
from benchmarks.report import Result
from benchmarks.shares import held_to
from benchmarks.stage import PARTITIONS, stage
from benchmarks.turns import drain_result, drains_in_turns

#: of a core, for each worker: two of them leave Kafka and the receiver the room that they need on two cores
SHARE = 0.3


def run(options: Options, say: Say) -> Result:
    """Drain both in turns, two workers with twice as many events, so that a drain takes as long."""
    events = options.choose(15_000, 1_000)
    projects = sample.even_projects(EACH, PARTITIONS)
    with stage() as scene:
        hooks = sample.hooks(scene.receiver, dict.fromkeys(projects, 1))
        say("starting the senders")
        senders = [scene.workers("one.", 1, hooks), scene.workers("two.", 2, hooks)]
        counts = {one.name: events * len(one.pids) for one in senders}
        with held_to(SHARE, [pid for one in senders for pid in one.pids]):
            drains = drains_in_turns(scene, senders, projects, counts, options, say)
    notes = [f"each worker is held to {SHARE} of a core by a control group of its own"]
    title = "deliver-share: one worker and two, each with a share of CPU"
    return drain_result("deliver-share", title, drains, senders[0].name, notes)
