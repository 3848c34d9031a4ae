"""`python -m benchmarks compare OLD NEW …`: workers of checkouts in turns on one Kafka, beside the naive sender.

OLD, NEW, … are each the folder of a checkout, or of a virtual environment in which a streamhooks is installed. A
checkout runs with the Python of its own `.venv`, or with this one's. Everything else (the receiver, the load, the
naive sender) is of the checkout that you are in.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import sample
from benchmarks.draining import drain
from benchmarks.holding import held_rows, holds_in_turns
from benchmarks.options import Options, Say
from benchmarks.publishing import publish
from benchmarks.report import Bars, Result, commit_of, machine
from benchmarks.stage import Checkout, Endpoints, Sender, Stage, stage
from benchmarks.turns import about_turns, drain_result, drains_in_turns
from streamhooks.errors import Refusal

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_COUNT = click.IntRange(1)


def checkout(folder: Path) -> Checkout:
    """Return what to run for a folder: a checkout or a virtual environment.

    Raises:
        Refusal: it is neither.

    """
    folder = folder.absolute()
    if (folder / "pyvenv.cfg").exists():
        return Checkout(str(folder / "bin" / "python"), None)
    if not (folder / "streamhooks" / "__init__.py").exists():
        raise Refusal(f"{folder} is neither a checkout of streamhooks nor a virtual environment")
    own = folder / ".venv" / "bin" / "python"
    return Checkout(str(own) if own.exists() else sys.executable, folder)


def code_of(checkout: Checkout) -> dict[str, Any]:
    """Return where the code of a worker is, its version, and its commit if it has one."""
    ask = "import streamhooks, importlib.metadata as m; print(streamhooks.__file__); print(m.version('streamhooks'))"
    variables = {"PYTHONPATH": str(checkout.root)} if checkout.root else {}
    command = [checkout.python, "-c", ask]
    try:
        # From a folder without a streamhooks: Python looks there first.
        found = subprocess.run(command, cwd="/", env=variables, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refusal(f"{checkout.python} has no streamhooks: {getattr(error, 'stderr', '') or error}") from None
    path, version = found.splitlines()
    folder = Path(path).parents[1]
    return {"folder": str(folder), "version": version, "python": checkout.python, **commit_of(folder)}


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, type=_FOLDER, required=True)
@click.option("--hooks", type=_COUNT, default=48, help="How many; each has a project of its own.")
@click.option("--events", type=_COUNT, help="Per drain (15,000).")
@click.option("--fan-out", type=_COUNT, default=1, help="Hooks per event.")
@click.option("--rate", type=_COUNT, help="Hold so many events per second, and measure latencies; without it, drain.")
@click.option("--seconds", type=click.IntRange(3), help="How long the rate is held in a round (15).")
@click.option("--hosts", type=click.IntRange(0, 10_000), default=0, help="Loopback addresses for the hooks.")
@click.option("--https", is_flag=True, help="They listen with TLS.")
@click.option("--partitions", type=click.IntRange(1, 1000), default=8, help="Per topic.")
@click.option("--quick", is_flag=True, help="A smoke test of one short round.")
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(__file__).parent / "results",
    help="Folder for JSON and plots.",
)
def main(folders: Sequence[Path], results: Path, quick: bool, seconds: int | None, **given: Any) -> None:
    console = Console()
    try:
        checkouts = {name: checkout(folder) for name, folder in zip(names_of(folders), folders, strict=True)}
        about = machine() | {"compared": {name: code_of(one) for name, one in checkouts.items()}}
        with console.status("compare") as status:
            result = run(checkouts, Options(quick, seconds), status.update, **given)
    except Refusal as refusal:
        raise SystemExit(f"benchmarks: compare: {refusal}") from None
    publish(console, results, result, about)


def run(
    checkouts: dict[str, Checkout],
    options: Options,
    say: Say,
    *,
    hooks: int,
    events: int | None,
    fan_out: int,
    rate: int | None,
    hosts: int,
    https: bool,
    partitions: int,
) -> Result:
    """Drain all in turns, or hold the rate."""
    if https and not hosts:
        raise Refusal("--https is for the addresses of --hosts")
    if rate and fan_out > 1:
        raise Refusal("--fan-out is for draining, not for --rate")
    projects = sample.even_projects(max(1, hooks // partitions), partitions)
    with stage(Endpoints(hosts, https), partitions=partitions) as scene:
        known = sample.hooks(scene.receivers, dict.fromkeys(projects, fan_out))
        say("starting the senders")
        senders = [scene.naive(1, known)]
        for number, (name, one) in enumerate(checkouts.items(), 1):
            sender = scene.workers(f"w{number}.", 1, known, one)
            sender.name = name
            senders.append(sender)
        title = f"{len(projects)} projects with {fan_out} hooks each, {hosts or 1} hosts, {partitions} partitions"
        if rate:
            return _held(scene, senders, rate, options, say, projects, title)
        count = (events or options.choose(15_000, 1_000)) // fan_out
        drains = drains_in_turns(scene, senders, projects, count, options, say, fan_out=fan_out)
    return drain_result("compare", f"compare, draining: {title}", drains, senders[1].name)


def _held(
    scene: Stage, senders: list[Sender], rate: int, options: Options, say: Say, projects: list[str], title: str
) -> Result:
    seconds = options.seconds or options.choose(15, 3)
    for sender in senders:
        drain(scene, sender, projects, options.choose(2_000, 200), 1)
    found = holds_in_turns(scene, senders, rate, seconds, projects, options, say)
    rows = held_rows(found, senders[1].name)
    names = list(found)
    bars = [Bars(f"{name}, ms", names, [row[f"{name}, ms"] for row in rows]) for name in ("p50", "p99")]
    notes = [f"held for {seconds} s per round", about_turns(found)]
    return Result("compare", f"compare, {rate:,} events/s: {title}", rows, notes, bars, found)


def names_of(folders: Sequence[Path]) -> list[str]:
    """Return a name per folder: the shortest ends of their paths that differ."""
    parts = [folder.absolute().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{number}: {folder}" for number, folder in enumerate(folders, 1)]
