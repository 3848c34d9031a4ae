"""What a run showed, for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from chaos.fleet import Happened
from chaos.plan import Plan
from chaos.timing import Wait
from chaos.verdict import Verdict

_MEBI = 1024 * 1024
#: every one of these makes the group move partitions, or interrupts what is on its way
_DISRUPTIVE = ("kill", "stop", "start", "pause", "restart broker", "kill broker", "pause broker")


@dataclass(frozen=True)
class Report:
    """One run; times in epoch seconds, memory in bytes."""

    plan: Plan
    started: float
    ended: float
    verdict: Verdict
    happened: Sequence[Happened]
    waits: Sequence[Wait]
    rss: dict[str, int]

    @property
    def disruptions(self) -> int:
        """How many kills, stops, starts (each a rebalance), pauses and restarts of the broker there were."""
        return sum(one.kind in _DISRUPTIVE for one in self.happened)


def show(report: Report) -> str:
    """Return a run as text."""
    verdict = report.verdict
    kinds = Counter(one.kind for one in report.happened)
    lines = [
        f"seed {report.plan.seed}: {report.ended - report.started:.0f} s, {report.plan.rate:.0f} records a second",
        f"  happened             {', '.join(f'{count} {kind}' for kind, count in kinds.items())}",
        f"  disruptions          {report.disruptions}",
        f"  produced             {verdict.records} records",
        f"  expected deliveries  {verdict.expected}",
        f"  delivered            {verdict.delivered}",
        f"  dead letters         {verdict.dead} ({len(verdict.given_up_though_well)} at endpoints that were well)",
        f"  lost                 {len(verdict.lost)}",
        f"  unexpected           {len(verdict.unexpected)}",
        f"  requests             {verdict.requests}",
        f"  duplicates           {verdict.duplicates}, all with equal ids",
        f"  counted attempts     {verdict.attempts}",
        f"  counter differences  {len(verdict.differences)}",
        f"  kill to redelivery   {_seconds([one.seconds for one in report.waits])}",
        f"    undisturbed ones   {_seconds([one.seconds for one in report.waits if one.alone])}",
        f"  most memory          {max(report.rss.values(), default=0) / _MEBI:.0f} MiB in a worker",
        *(f"  WRONG                {one}" for one in verdict.wrong),
    ]
    return "\n".join(lines) + "\n"


def show_sum(reports: Sequence[Report]) -> str:
    """Return all runs together as text."""
    kinds = Counter(one.kind for report in reports for one in report.happened)
    verdicts = [report.verdict for report in reports]
    waits = [one for report in reports for one in report.waits]
    lines = [
        f"all {len(reports)} runs, {sum(bool(verdict.wrong) for verdict in verdicts)} of them wrong",
        f"  happened             {', '.join(f'{count} {kind}' for kind, count in kinds.items())}",
        f"  disruptions          {sum(report.disruptions for report in reports)}",
        f"  produced             {sum(one.records for one in verdicts)} records",
        f"  expected deliveries  {sum(one.expected for one in verdicts)}",
        f"  lost                 {sum(len(one.lost) for one in verdicts)}",
        f"  unexpected           {sum(len(one.unexpected) for one in verdicts)}",
        f"  requests             {sum(one.requests for one in verdicts)}",
        f"  duplicates           {sum(one.duplicates for one in verdicts)}, all with equal ids",
        f"  counter differences  {sum(len(one.differences) for one in verdicts)}",
        f"  kill to redelivery   {_seconds([one.seconds for one in waits])}",
        f"    undisturbed ones   {_seconds([one.seconds for one in waits if one.alone])}",
    ]
    return "\n".join(lines) + "\n"


def write_json(path: Path, reports: Sequence[Report]) -> None:
    """Write all that is known of the runs, with the machine."""
    machine = {
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    path.write_text(json.dumps({"machine": machine, "runs": [asdict(report) for report in reports]}, indent=1) + "\n")


def _seconds(found: list[float]) -> str:
    if not found:
        return "none"
    return f"{len(found)}: median {statistics.median(found):.1f} s, longest {max(found):.1f} s"
