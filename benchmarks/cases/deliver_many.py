"""`deliver-many`: queued events for 5,000 hooks, each of which fires seldom, as those of most users do."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.options import Options, Say
from benchmarks.report import Result
from benchmarks.stage import PARTITIONS, stage
from benchmarks.turns import NAIVE, drain_result, drains_beside_naive


def run(options: Options, say: Say) -> Result:
    """Drain one worker and the naive sender in turns; in each drain a hook fires three times."""
    each, events = options.choose(625, 50), options.choose(15_000, 1_200)
    projects = sample.even_projects(each, PARTITIONS)
    with stage() as scene:
        drains = drains_beside_naive(scene, projects, events, options, say)
    title = f"deliver-many: {len(projects):,} hooks, {events / len(projects):.0f} events each, draining"
    return drain_result("deliver-many", title, drains, NAIVE)
