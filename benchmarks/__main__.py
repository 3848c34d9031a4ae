"""`python -m benchmarks NAME …`: run benchmarks, print their tables, write `results/<name>.json` and `.png`.

`python -m benchmarks compare OLD NEW` compares the workers of two checkouts, see `compare --help`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from benchmarks import compare
from benchmarks.options import Options
from benchmarks.publishing import publish
from benchmarks.report import machine
from streamhooks.errors import Refusal

CASES = (
    "ceiling", "naive", "deliver", "deliver-many", "deliver-tls", "deliver-share", "deliver-peers", "many-hosts",
    "fan-out", "latency", "low-rate", "partitions", "steady", "tasks", "beside-calls", "retries", "counters", "hooks",
    "isolation", "neighbours", "resume", "letters", "messages", "filters",
)  # fmt: skip
#: not in `all`: it needs py-spy, and permission to inspect another process
EXTRA = ("profile",)


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice((*CASES, *EXTRA, "all")), required=True)
@click.option("--quick", is_flag=True, help="A smoke test of a few seconds each; its numbers are not meaningful.")
@click.option(
    "--seconds",
    type=click.IntRange(3),
    help="How long a rate is held in a round, and a minute of `steady` lasts (60).",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(__file__).parent / "results",
    help="Folder for JSON and plots.",
)
def main(names: Sequence[str], quick: bool, seconds: int | None, results: Path) -> None:
    console = Console()
    about = machine()
    for name in CASES if "all" in names else names:
        case = import_module(f"benchmarks.cases.{name.replace('-', '_')}")
        with console.status(name) as status:
            try:
                result = case.run(Options(quick, seconds), lambda text: status.update(text))
            except Refusal as refusal:
                raise SystemExit(f"benchmarks: {name}: {refusal}") from None
        publish(console, results, result, about)


if __name__ == "__main__":
    # It has arguments of its own, and the names of benchmarks can be several.
    if sys.argv[1:2] == ["compare"]:
        compare.main(sys.argv[2:], prog_name="python -m benchmarks compare")
    else:
        main(prog_name="python -m benchmarks")
