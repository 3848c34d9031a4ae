"""What a run showed, for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from chaos.fleet import Happened
from chaos.plan import GROUPS, STORMS, Plan
from chaos.repeats import RECENT, Repeats
from chaos.timing import Wait
from chaos.usage import Trend, Usage
from chaos.verdict import Verdict

_MEBI = 1024 * 1024
#: every one of these makes the group move partitions, or interrupts what is on its way
_OF_PROCESSES = ("kill", "stop", "start", "pause", "restart broker", "kill broker", "pause broker")
_OF_GROUPS: Mapping[str, Collection[str]] = {**GROUPS, "processes": _OF_PROCESSES, "changes": STORMS}
_DISRUPTIVE = {kind for kinds in _OF_GROUPS.values() for kind in kinds}


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
    repeats: Sequence[Repeats] = ()
    trends: Mapping[str, Sequence[Trend]] = field(default_factory=dict)
    """By worker that lasted."""
    usage: Mapping[str, Sequence[Usage]] = field(default_factory=dict)
    """The same; what the trends were made of."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """In the log of each worker."""
    changes: Mapping[str, int] = field(default_factory=dict)
    """The number of callers' calls per answer."""
    toggles: int = 0
    """How often a hook was disabled and enabled."""
    toggled_duplicates: int = 0
    """Deliveries to such a hook that came again though they had been taken."""
    left_out: Sequence[str] = ()
    """Kinds that can't be done here, and why."""
    replaced: Sequence[str] = ()
    """The topics whose producer, of the load, stood still and was replaced."""

    @property
    def disruptions(self) -> int:
        """Return the number of kills, stops, starts (each a rebalance), pauses, faults of logs, brokers and network."""
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
        f"  due much later       {verdict.later}, by clocks that were ahead",
        *_of_losses([verdict]),
        f"  unexpected           {len(verdict.unexpected)}",
        f"  requests             {verdict.requests}",
        f"  duplicates           {verdict.duplicates}, all with equal ids",
        f"  counted attempts     {verdict.attempts}",
        f"  counter differences  {len(verdict.differences)}",
        f"  kill to redelivery   {_seconds([one.seconds for one in report.waits])}",
        f"    undisturbed ones   {_seconds([one.seconds for one in report.waits if one.alone])}",
        f"  new partitions read  {_seconds(list(report.added))}",
        f"  signal to the end    {_seconds(_stops([report]))}",
        f"  most memory          {max(report.rss.values(), default=0) / _MEBI:.0f} MiB in a worker",
        f"  most log lines       {max(report.lines.values(), default=0)} of a worker",
        *_of_repeats(report.repeats),
        *(_of_trend(worker, one) for worker, found in report.trends.items() for one in found),
        *_of_changes(report),
        *(f"  LEFT OUT             {one}" for one in report.left_out),
        *([f"  producers replaced   {', '.join(report.replaced)}"] if report.replaced else []),
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
        f"  signal to the end    {_seconds(_stops(reports))}",
        *_sum_of_repeats([one for report in reports for one in report.repeats]),
    ]
    return "\n".join(lines) + "\n"


def write_json(path: Path, reports: Sequence[Report]) -> None:
    """Write everything known about the runs and the machine."""
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
    gone, told = sum(one.gone for one in verdicts), sum(one.told for one in verdicts)
    unknowable, vanished = sum(one.unknowable for one in verdicts), sum(one.vanished for one in verdicts)
    return [
        f"  lost                 {sum(len(one.lost) for one in verdicts)}",
        f"  gone in Kafka        {gone} deliveries, reported; {told} that callers were told of",
        f"                       {unknowable} that no worker could know of, {vanished} that nothing took",
        f"  gone in silence      {sum(len(one.silent) for one in verdicts)}",
    ]


def _by_group(reports: Sequence[Report]) -> str:
    found = {name: sum(one.count(kinds) for one in reports) for name, kinds in _OF_GROUPS.items()}
    return ", ".join(f"{count} of {name}" for name, count in found.items())


def _stops(reports: Sequence[Report]) -> list[float]:
    stops = [one for report in reports for one in report.happened if one.kind == "stop"]
    return [one.until - one.at for one in stops if one.until]


def _of_repeats(found: Sequence[Repeats]) -> list[str]:
    if not found:
        return []
    lines = [
        f"    {time.strftime('%H:%M:%S', time.localtime(one.at))} {one.worker}: in flight {one.in_flight}, again "
        f"{one.in_flight_again}; answered within {RECENT:.0f} s before {one.recent}, again {one.answered_again}"
        + (f" (from {one.earliest:.1f} s before on)" if one.answered_again else "")
        + (f"; fan-outs again {one.fan_outs_again}" if one.fan_outs_again else "")
        + ("" if one.alone else "; disturbed")
        for one in found
    ]
    return [*_sum_of_repeats(found), *lines]


def _sum_of_repeats(found: Sequence[Repeats]) -> list[str]:
    lines = []
    for name, some in (("all kills", found), ("undisturbed ones", [one for one in found if one.alone])):
        lines.append(
            f"  {name:20} {len(some)}: in flight {sum(one.in_flight for one in some)}, again "
            f"{sum(one.in_flight_again for one in some)}; answered, again {sum(one.answered_again for one in some)}, "
            f"most {max((one.answered_again for one in some), default=0)} at a kill; "
            f"fan-outs again {sum(one.fan_outs_again for one in some)}"
        )
    return lines


def _of_changes(report: Report) -> list[str]:
    if not report.changes and not report.toggles:
        return []
    answered = ", ".join(f"{number} {how}" for how, number in sorted(report.changes.items()))
    skipped, again = report.verdict.skipped, report.toggled_duplicates
    return [
        f"  changes of hooks     {sum(report.changes.values())}: {answered or 'none'}",
        f"  disabled, enabled    {report.toggles} times; {skipped} deliveries skipped as wanted, {again} came again",
    ]


def _of_trend(worker: str, one: Trend) -> str:
    unit, by = ("MiB", _MEBI) if one.kind == "memory" else ("", 1)
    text = f"{one.before / by:.0f} to {one.after / by:.0f} {unit}".rstrip()
    return f"  {one.kind} of {worker}".ljust(23) + f"{text}, most {one.most / by:.0f}{', GROWS' if one.grows else ''}"


def _seconds(found: list[float]) -> str:
    if not found:
        return "none"
    return f"{len(found)}: median {statistics.median(found):.1f} s, longest {max(found):.1f} s"
