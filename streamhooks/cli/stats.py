"""`streamhooks stats`: the counts of a hook, as a chart and a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from streamhooks.cli.params import TIME, hook_argument, json_option, with_api

if TYPE_CHECKING:
    from rich.text import Text

    from streamhooks.cli.api import Api

_OUTCOMES = ("fired", "delivered", "failed")
_HEIGHT = 6
_WIDEST = 120

Series = Mapping[str, Sequence[int]]


@click.command()
@hook_argument
@click.option("--since", type=TIME, help="2026-11-25T10:00, epoch seconds, or 2h (ago); default: a day before --until.")
@click.option("--until", type=TIME, help="Default: now.")
@click.option("--resolution", metavar="10s|1h|1d", help="Default: the finest that reaches back to --since.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Show only this one; default: all three.")
@json_option
@with_api
def stats(
    api: Api,
    /,
    hook: str,
    since: float | None,
    until: float | None,
    resolution: str | None,
    outcome: str | None,
    as_json: bool,
) -> None:
    """Show how often a hook fired, and the outcomes. Times are in UTC.

    Each attempt of a webhook-id is counted once, even if it is replayed. Tests are not counted.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import hook_path

    until = time.time() if until is None else until  # the same for all three
    starts: list[int] = []
    series: dict[str, list[int]] = {}
    for name in (outcome,) if outcome else _OUTCOMES:
        query = {"since": since, "until": until, "resolution": resolution, "outcome": name}
        points = api.get(hook_path(hook, "stats"), **query)
        starts, series[name] = [point["ts"] for point in points], [point["total"] for point in points]
    found = [{"ts": start, **{name: series[name][number] for name in series}} for number, start in enumerate(starts)]
    if as_json:
        show.as_json(found)
        return
    _chart(starts, series)
    table = show.table("from (UTC)", *series, right=series)
    for point in found:
        # Empty periods are visible in the chart.
        if any(point[name] for name in series):
            table.add_row(show.time_of(point["ts"]), *(str(point[name]) for name in series))
    if table.row_count:
        table.add_section()
        table.add_row("all", *(str(sum(series[name])) for name in series), style="bold")
    show.rows(table, (), "nothing was sent in this period")


def _chart(starts: Sequence[int], series: Series) -> None:
    """Print the first of the series, coloured by the share of failures where that is known."""
    from rich.text import Text

    from streamhooks.cli import show
    from streamhooks.cli.chart import columns, merged

    out = show.console()
    name, values = next(iter(series.items()))
    if not any(values):
        return
    width = max(10, min(out.width, _WIDEST) - 10)
    heights, size = merged(values, width)
    styles = _styles(heights, merged(series["failed"], width)[0] if "failed" in series else [])
    lines = columns(heights, _HEIGHT)
    for number, line in enumerate(lines):
        axis = f"{max(heights):>7} ┤" if number == 0 else "        │"
        out.print(Text(axis) + _coloured(line, styles))
    seconds = starts[1] - starts[0] if len(starts) > 1 else 0
    first, last = show.time_of(starts[0]), show.time_of(starts[-1])
    out.print(Text(f"      0 ┴{'─' * len(heights)}"))
    each = f", {_duration(seconds * size)} per column" if seconds else ""
    out.print(Text(f"         {name} from {first} to {last} UTC{each}\n", style="dim"))


def _styles(heights: Sequence[int], failed: Sequence[int]) -> list[str]:
    if not failed:
        return ["cyan"] * len(heights)
    return [
        "green" if not bad else "red" if bad >= every else "yellow" for every, bad in zip(heights, failed, strict=True)
    ]


def _coloured(line: str, styles: Sequence[str]) -> Text:
    from rich.text import Text

    return Text.assemble(*zip(line, styles, strict=True))


def _duration(seconds: int) -> str:
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
