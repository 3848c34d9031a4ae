"""`deliver-tls`: queued events for 20 https hosts, whose certificates are verified, beside the naive sender."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.cases.deliver import EACH
from benchmarks.options import Options, Say
from benchmarks.report import Result
from benchmarks.stage import PARTITIONS, Endpoints, stage
from benchmarks.turns import NAIVE, drain_result, drains_beside_naive

HOSTS = 20


def run(options: Options, say: Say) -> Result:
    """Drain one worker and the naive sender in turns."""
    projects = sample.even_projects(EACH, PARTITIONS)
    with stage(Endpoints(HOSTS, tls=True)) as scene:
        drains = drains_beside_naive(scene, projects, options.choose(15_000, 1_000), options, say)
    title = f"deliver-tls: {len(projects)} hooks of {HOSTS} https hosts, draining"
    notes = ["certificates of P-256, verified by both; a chain of one"]
    return drain_result("deliver-tls", title, drains, NAIVE, notes)
