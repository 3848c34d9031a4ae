"""The chaos command: `python -m chaos.run [--runs N] [--seed S] [--kinds K,…]`, with `tests` in PYTHONPATH."""

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

from chaos.answers import told
from chaos.changes import judge_changes
from chaos.disk import SmallDisk
from chaos.evidence import Evidence, ask_views, read_topics
from chaos.faults import disturb
from chaos.fleet import Fleet
from chaos.ledger import Receiver
from chaos.load import Load
from chaos.log_faults import SETTINGS, make_sources
from chaos.looking import look
from chaos.output_faults import rules
from chaos.own import write_sources
from chaos.plan import GROUPS, Plan, deck, kills, short, soak
from chaos.proxy import Wire
from chaos.repeats import repeats
from chaos.report import Report, show, show_sum, write_json
from chaos.scene import BEHAVIOURS, hooks
from chaos.settling import settled
from chaos.stage import Stage
from chaos.timing import added, disturbances, waits
from chaos.toggles import judge_toggles
from chaos.toggling import left_to_send
from chaos.verdict import judge
from chaos.witnesses import as_seen
from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.kafka_config import Door
from streamhooks.dev.ports import free_ports


async def run(plan: Plan, folder: Path) -> Report:
    """Do one run in a folder of its own, and return its report."""
    wires = [Wire() for _ in range(plan.wires)]
    doors = [[Door(f"WIRE{number}", *free_ports(2)) for number in range(plan.wires)] for _broker in range(plan.brokers)]
    plan, disk, left_out = with_disk(plan, folder / "kafka")
    settings = SETTINGS | (rules(plan.wires) if plan.has_rules else {})
    with (
        contextlib.closing(disk) if disk else contextlib.nullcontext(),
        EmbeddedKafka.start(
            folder / "kafka", quiet=True, settings=settings, brokers=plan.brokers, doors=doors
        ) as kafka,
    ):
        receiver = Receiver(folder)
        behind_wires = [
            ",".join(f"127.0.0.1:{of_broker[number].advertised}" for of_broker in doors) for number in range(plan.wires)
        ]
        prefix = f"chaos{secrets.token_hex(3)}."
        sources = write_sources(folder / "sources.yaml", prefix)
        fleet = Fleet(behind_wires or [kafka.brokers], prefix, folder, plan, receiver.port, sources)
        try:
            for of_broker in doors:
                for wire, door in zip(wires, of_broker, strict=True):
                    await wire.lay(door.advertised, door.port)
            load = Load(kafka.brokers, fleet.prefix, plan.seed, plan.rate)
            report = await _run(
                Stage(plan, fleet, kafka, receiver, hooks(toggled=plan.has_toggles), load, wires, disk=disk)
            )
            return replace(report, left_out=left_out)
        finally:
            fleet.end()
            for wire in wires:
                await wire.close()
            receiver.stop()


def with_disk(plan: Plan, folder: Path) -> tuple[Plan, SmallDisk | None, Sequence[str]]:
    """Give the first broker a small disk, if the plan fills it; where none can be made, that kind is left out."""
    if "full disk" not in plan.faults:
        return plan, None, ()
    owns = [folder] if plan.brokers == 1 else [folder / f"broker-{number}" for number in range(1, plan.brokers + 1)]
    for own in owns:
        own.mkdir(parents=True)
    try:
        return plan, SmallDisk(owns[0] / "data"), ()
    except OSError as error:
        return plan.without("full disk"), None, [f"full disk: {error}"]


async def _run(stage: Stage) -> Report:
    started, plan, fleet, known = time.time(), stage.plan, stage.fleet, stage.hooks
    brokers, prefix = stage.kafka.brokers, fleet.prefix
    await asyncio.to_thread(create_topic, brokers, stage.topic("hooks"), 1, plan.brokers, cleanup_policy="compact")
    await make_sources(stage)
    for hook in known:
        stage.receiver.behave(hook.path, BEHAVIOURS[hook.behaviour])
        produce(brokers, stage.topic("hooks"), hook.id, hook.record(stage.receiver.base))
    for _ in range(plan.workers):
        await fleet.add()
    for worker in fleet.idle:
        await asyncio.to_thread(worker.wait_ready, 120)
    watching = asyncio.create_task(fleet.watch())
    stage.load.start()
    await disturb(stage, plan.seconds)
    written = await asyncio.to_thread(stage.load.stop)
    left = await asyncio.to_thread(settled, brokers, prefix, plan.settle, stage.shifts, lambda: _still_missed(stage))
    evidence = Evidence()
    try:
        await asyncio.to_thread(ask_views, evidence, fleet.api(), known, started, stage.shifts)
    except AssertionError as error:
        fleet.problems.append(f"the web views did not answer: {error}")
    await fleet.look_at_moves()
    await fleet.look_whether_ready()
    if stage.journal.changes:
        try:
            await look(stage.journal, [one for one in fleet.idle if one.running], stage.receiver)
        except* AssertionError as errors:
            fleet.problems += [f"changed hooks could not be looked at: {error}" for error in errors.exceptions]
    fleet.wanted = False
    watching.cancel()
    (error,) = await asyncio.gather(watching, return_exceptions=True)
    if not isinstance(error, asyncio.CancelledError):
        fleet.problems.append(f"the workers were not watched to the end: {error!r}")
    removals = list(as_seen(stage.removals, fleet.lives, fleet.happened))
    await asyncio.to_thread(read_topics, evidence, brokers, prefix, known, written, removals, stage.kept, stage.shifts)
    evidence.requests, evidence.unverified = stage.receiver.requests(), stage.receiver.unverified()
    evidence.gone |= dict.fromkeys(told(evidence, stage.toggles), "told")
    evidence.moves = dict(fleet.all_moves())
    evidence.all_moves_seen = not {one.kind for one in fleet.happened} & {"kill", "stop"}
    toggled = judge_toggles(evidence, known, stage.toggles, disturbances(fleet.happened))
    verdict = judge(evidence, known, stage.troubled, toggled.skipped)
    verdict.wrong += judge_changes(stage.journal)
    if toggled.unexplained:
        verdict.wrong.append(f"came again for no reason: {len(toggled.unexplained)}, such as {toggled.unexplained[:3]}")
    verdict.wrong += [*fleet.problems, *([f"not settled within {plan.settle:.0f} s: {left}"] if left else [])]
    lasting = [fleet.life(worker) for worker in fleet.all[: plan.lasting]]
    grown = [f"{one.worker} grows: {trend}" for one in lasting for trend in one.growing()]
    verdict.wrong += grown
    return Report(
        plan=plan,
        started=started,
        ended=time.time(),
        verdict=verdict,
        happened=fleet.happened,
        waits=waits(evidence, fleet.happened),
        added=added(evidence, fleet.happened),
        rss=dict(fleet.rss),
        repeats=repeats(evidence, fleet.kills, disturbances(fleet.happened)),
        trends={one.worker: one.trends() for one in lasting},
        usage={one.worker: one.samples for one in lasting},
        changes=dict(stage.journal.outcomes),
        toggles=len(stage.toggles),
        toggled_duplicates=toggled.duplicates,
        replaced=stage.load.replaced,
        lines={one.data_dir.name: one.log.read_bytes().count(b"\n") for one in fleet.all},
    )


def _still_missed(stage: Stage) -> str:
    toggled = [hook for hook in stage.hooks if hook.resume]
    return left_to_send(stage.fleet.api(), toggled) if toggled else ""


def plan_of(options: argparse.Namespace) -> Plan:
    """Return the plan of the first run; raise ValueError for kinds that there are not, or that don't go with a form."""
    seed = options.seed
    if options.kinds and (options.short or options.kills):
        raise ValueError("--kinds does not go with --short or --kills")
    plan = (
        short(seed) if options.short else kills(seed) if options.kills else soak(seed) if options.soak else Plan(seed)
    )
    if options.kinds:
        plan = replace(plan, faults=deck(options.kinds.split(",")))
    given = {name: getattr(options, name) for name in ("seconds", "rate", "settle") if getattr(options, name)}
    return replace(plan, **given)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; end the process, as argparse does, if it is wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first run; each further run adds one")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="the form for CI, about 90 s")
    form.add_argument("--kills", action="store_true", help="only kills, far apart, to time the redelivery")
    form.add_argument("--soak", action="store_true", help="an hour at a moderate rate, to see whether anything grows")
    parser.add_argument(
        "--kinds",
        help=f"only these, comma-separated: kinds, or the groups {', '.join(GROUPS)} (default: processes; "
        "with --soak processes, output, clocks, stopping)",
    )
    parser.add_argument("--seconds", type=float, help="how long a run has faults and load")
    parser.add_argument("--rate", type=float, help="records per second")
    parser.add_argument("--settle", type=float, help="how long a run may take to settle after the last fault, seconds")
    parser.add_argument("--json", type=Path, help="write the report there, too")
    parser.add_argument("--folder", type=Path, help="keep logs and data there (default: only of runs that failed)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code is 1 if any promise is broken."""
    options = parse(arguments)
    try:
        first = plan_of(options)
    except ValueError as error:
        raise SystemExit(f"make chaos: {error}") from error
    reports = []
    for seed in range(options.seed, options.seed + options.runs):
        folder = (options.folder or Path(tempfile.mkdtemp(prefix="streamhooks-chaos-"))) / f"seed-{seed}"
        folder.mkdir(parents=True)
        reports.append(asyncio.run(run(replace(first, seed=seed), folder)))
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
