"""`deliver`: queued events, one hook each, by one worker beside the naive sender, and nothing else on the machine."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.options import Options, Say
from benchmarks.report import Result
from benchmarks.stage import PARTITIONS, stage
from benchmarks.turns import NAIVE, drain_result, drains_beside_naive

#: hooks of the benchmarks that do not need even keys
HOOKS = 50
#: projects of each partition, with one hook each
EACH = 6


def run(options: Options, say: Say) -> Result:
    """Drain one worker and the naive sender in turns."""
    # CPU counts until the counters are written, seconds after a drain: it should be long beside that.
    events = options.choose(60_000, 1_000)
    projects = sample.even_projects(EACH, PARTITIONS)
    with stage() as scene:
        drains = drains_beside_naive(scene, projects, events, options, say)
    return drain_result("deliver", "deliver: one hook per event, draining", drains, NAIVE)
