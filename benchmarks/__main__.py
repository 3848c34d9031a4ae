"""`python -m benchmarks NAME …`: run benchmarks, print their tables, write `results/<name>.json` and `.png`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from benchmarks import plot
from benchmarks.options import Options
from benchmarks.report import machine, save, show
from streamhooks.errors import Refusal

CASES = (
    "ceiling", "naive", "deliver", "fan-out", "latency", "steady", "retries", "counters", "hooks", "isolation",
    "neighbours", "resume", "letters",
)  # fmt: skip
#: not in `all`: it needs py-spy, and permission to inspect another process
EXTRA = ("profile",)


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice((*CASES, *EXTRA, "all")), required=True)
@click.option("--quick", is_flag=True, help="A smoke test of a few seconds each; its numbers are not meaningful.")
@click.option(
    "--seconds",
    type=click.IntRange(3),
    help="How long `latency` holds each rate (12), and a minute of `steady` lasts (60).",
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
    console.print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim", highlight=False)
    for name in CASES if "all" in names else names:
        case = import_module(f"benchmarks.cases.{name.replace('-', '_')}")
        with console.status(name) as status:
            try:
                result = case.run(Options(quick, seconds), lambda text: status.update(text))
            except Refusal as refusal:
                raise SystemExit(f"benchmarks: {name}: {refusal}") from None
        show(console, result)
        written = [save(results, result, about), *plot.save(results, result)]
        console.print("written: " + ", ".join(map(str, written)), style="dim", highlight=False)


if __name__ == "__main__":
    main()
