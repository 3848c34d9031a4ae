"""`many-hosts`: queued events for hooks of 1,000 hosts, each a loopback address of its own."""

from __future__ import annotations

from benchmarks import sample
from benchmarks.options import Options, Say
from benchmarks.report import Result
from benchmarks.stage import PARTITIONS, Endpoints, stage
from benchmarks.turns import NAIVE, drain_result, drains_beside_naive


def run(options: Options, say: Say) -> Result:
    """Drain one worker and the naive sender in turns."""
    hosts, events = options.choose(1_000, 80), options.choose(15_000, 1_000)
    projects = sample.even_projects(hosts // PARTITIONS, PARTITIONS)
    with stage(Endpoints(hosts)) as scene:
        drains = drains_beside_naive(scene, projects, events, options, say)
    title = f"many-hosts: {hosts:,} hosts with a hook each, draining"
    return drain_result("many-hosts", title, drains, NAIVE)
