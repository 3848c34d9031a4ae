"""The chaos command: `python -m chaos.run [--runs N] [--seed S] [--short]`, with `tests` in PYTHONPATH."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from support import create_topic, produce

from chaos.evidence import Evidence, ask_views, read_topics
from chaos.faults import Faults
from chaos.fleet import Fleet
from chaos.ledger import Receiver
from chaos.load import Load
from chaos.plan import Plan, kills, short
from chaos.report import Report, show, show_sum, write_json
from chaos.scene import BEHAVIOURS, hooks
from chaos.settling import settled
from chaos.timing import waits
from chaos.verdict import judge
from streamhooks.dev.kafka import EmbeddedKafka


async def run(plan: Plan, folder: Path) -> Report:
    """Do one run in a folder of its own, and return what it showed."""
    with EmbeddedKafka.start(folder / "kafka", quiet=True) as kafka:
        receiver = Receiver(folder)
        fleet = Fleet(kafka.brokers, f"chaos{secrets.token_hex(3)}.", folder, plan)
        try:
            return await _run(plan, kafka, receiver, fleet)
        finally:
            fleet.end()
            receiver.stop()


async def _run(plan: Plan, kafka: EmbeddedKafka, receiver: Receiver, fleet: Fleet) -> Report:
    started, known = time.time(), hooks()
    brokers, prefix = kafka.brokers, fleet.prefix
    create_topic(brokers, f"{prefix}hooks", 1, cleanup_policy="compact")
    for hook in known:
        receiver.behave(hook.path, BEHAVIOURS[hook.behaviour])
        produce(brokers, f"{prefix}hooks", hook.id, hook.record(receiver.base))
    for _ in range(plan.workers):
        await fleet.add()
    for worker in fleet.idle:
        await asyncio.to_thread(worker.wait_ready, 120)
    watching = asyncio.create_task(fleet.watch())
    faults = Faults(plan, fleet, kafka, receiver, known)
    load = Load(brokers, prefix, plan.seed, plan.rate)
    load.start()
    await faults.run(plan.seconds)
    produced = await asyncio.to_thread(load.stop)
    left = await asyncio.to_thread(settled, brokers, prefix, plan.settle)
    evidence = Evidence(produced=produced)
    try:
        await asyncio.to_thread(ask_views, evidence, fleet.api(), known, started)
    except AssertionError as error:
        fleet.problems.append(f"the web views did not answer: {error}")
    fleet.wanted = False
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    read_topics(evidence, brokers, prefix, known)
    evidence.requests, evidence.unverified = receiver.requests(), receiver.unverified()
    verdict = judge(evidence, known, faults.troubled)
    verdict.wrong += [*fleet.problems, *([f"not settled within {plan.settle:.0f} s: {left}"] if left else [])]
    return Report(plan, started, time.time(), verdict, fleet.happened, waits(evidence, fleet.happened), dict(fleet.rss))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code is 1 if anything that is promised does not hold."""
    parser = argparse.ArgumentParser(prog="make chaos", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones count on")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="the form for CI, about 90 s")
    form.add_argument("--kills", action="store_true", help="only kills, far apart, to time the redelivery")
    parser.add_argument("--seconds", type=float, help="how long a run has faults and load")
    parser.add_argument("--rate", type=float, help="records a second")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    parser.add_argument("--folder", type=Path, help="keep logs and data there (default: only of runs that failed)")
    options = parser.parse_args(arguments)
    reports = []
    for seed in range(options.seed, options.seed + options.runs):
        plan = (short if options.short else kills if options.kills else Plan)(seed)
        given = {name: getattr(options, name) for name in ("seconds", "rate") if getattr(options, name)}
        folder = (options.folder or Path(tempfile.mkdtemp(prefix="streamhooks-chaos-"))) / f"seed-{seed}"
        folder.mkdir(parents=True)
        reports.append(asyncio.run(run(replace(plan, **given), folder)))
        sys.stdout.write(show(reports[-1]))
        if reports[-1].verdict.wrong:
            sys.stdout.write(f"logs and data: {folder}\n")
        elif not options.folder:
            shutil.rmtree(folder.parent, ignore_errors=True)
        sys.stdout.flush()
        if options.json:
            write_json(options.json, reports)
    if len(reports) > 1:
        sys.stdout.write(show_sum(reports))
    return int(any(report.verdict.wrong for report in reports))


if __name__ == "__main__":
    sys.exit(main())
