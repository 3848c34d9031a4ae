"""What a run showed, for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from chaos.fleet import Happened
from chaos.plan import BROKERS, LOG, NETWORK, Plan
from chaos.timing import Wait
from chaos.verdict import Verdict

_MEBI = 1024 * 1024
#: every one of these makes the group move partitions, or interrupts what is on its way
_OF_PROCESSES = ("kill", "stop", "start", "pause", "restart broker", "kill broker", "pause broker")
_DISRUPTIVE = (*_OF_PROCESSES, *LOG, *BROKERS, *NETWORK)


@dataclass(frozen=True)
class Report:
    """One run; times in epoch seconds, memory in bytes."""

    plan: Plan
    started: float
    ended: float
    verdict: Verdict
    happened: Sequence[Happened]
    waits: Sequence[Wait]
    added: Sequence[float]
    """Seconds until a partition that was added was delivered from."""
    rss: dict[str, int]

    @property
    def disruptions(self) -> int:
        """How many kills, stops, starts (each a rebalance), pauses, and faults of logs, brokers and network."""
        return self.count(_DISRUPTIVE)

    def count(self, kinds: Collection[str]) -> int:
        """Return how often something of these kinds happened."""
        return sum(one.kind in kinds for one in self.happened)


def show(report: Report) -> str:
    """Return a run as text."""
    verdict = report.verdict
    kinds = Counter(one.kind for one in report.happened)
    lines = [
        f"seed {report.plan.seed}: {report.ended - report.started:.0f} s, {report.plan.rate:.0f} records a second",
        f"  happened             {', '.join(f'{count} {kind}' for kind, count in kinds.items())}",
        f"  disruptions          {report.disruptions}: {_by_group([report])}",
        *_of_records([verdict]),
        f"  delivered            {verdict.delivered}",
        f"  dead letters         {verdict.dead} ({len(verdict.given_up_though_well)} at endpoints that were well)",
        *_of_losses([verdict]),
        f"  unexpected           {len(verdict.unexpected)}",
        f"  requests             {verdict.requests}",
        f"  duplicates           {verdict.duplicates}, all with equal ids",
        f"  counted attempts     {verdict.attempts}",
        f"  counter differences  {len(verdict.differences)}",
        f"  kill to redelivery   {_seconds([one.seconds for one in report.waits])}",
        f"    undisturbed ones   {_seconds([one.seconds for one in report.waits if one.alone])}",
        f"  new partitions read  {_seconds(list(report.added))}",
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
        f"  disruptions          {sum(report.disruptions for report in reports)}: {_by_group(reports)}",
        *_of_records(verdicts),
        *_of_losses(verdicts),
        f"  unexpected           {sum(len(one.unexpected) for one in verdicts)}",
        f"  requests             {sum(one.requests for one in verdicts)}",
        f"  duplicates           {sum(one.duplicates for one in verdicts)}, all with equal ids",
        f"  counter differences  {sum(len(one.differences) for one in verdicts)}",
        f"  kill to redelivery   {_seconds([one.seconds for one in waits])}",
        f"    undisturbed ones   {_seconds([one.seconds for one in waits if one.alone])}",
        f"  new partitions read  {_seconds([one for report in reports for one in report.added])}",
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


def _of_records(verdicts: Sequence[Verdict]) -> list[str]:
    written, held = sum(one.records for one in verdicts), sum(one.held for one in verdicts)
    return [
        f"  produced             {written} records, of which Kafka holds {held}",
        f"  expected deliveries  {sum(one.expected for one in verdicts)}",
    ]


def _of_losses(verdicts: Sequence[Verdict]) -> list[str]:
    gone, unknowable = sum(one.gone for one in verdicts), sum(one.unknowable for one in verdicts)
    return [
        f"  lost                 {sum(len(one.lost) for one in verdicts)}",
        f"  gone in Kafka        {gone} deliveries, told; {unknowable} that nobody could know of",
        f"  gone in silence      {sum(len(one.silent) for one in verdicts)}",
    ]


def _by_group(reports: Sequence[Report]) -> str:
    groups = {"processes": _OF_PROCESSES, "log": LOG, "brokers": BROKERS, "network": NETWORK}
    return ", ".join(f"{sum(one.count(kinds) for one in reports)} of {name}" for name, kinds in groups.items())


def _seconds(found: list[float]) -> str:
    if not found:
        return "none"
    return f"{len(found)}: median {statistics.median(found):.1f} s, longest {max(found):.1f} s"
