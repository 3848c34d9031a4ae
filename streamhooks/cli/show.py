"""The output of commands: tables and colours for people, JSON for programs, and no foreign control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from streamhooks.records.exact_json import dumps
from streamhooks.records.firing import OUTCOMES
from streamhooks.records.hook import FIELDS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

# Characters that a terminal would take for a command, and those that change the text direction.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: wider than any table, so that output to a file or a pipe is not cut
_PIPE_WIDTH = 1000

_TONES = {"good": "green", "warn": "yellow", "bad": "red", "off": "magenta"}
COLOURS: Final[dict[str, str]] = {
    **{str(name): _TONES[said.tone] for name, said in OUTCOMES.items()},
    "active": "green",
    "disabled": "red",
    "disabled by system": "red",
    "blocked": "red",
    "breaker open": "yellow",
    "failing": "yellow",
    "paused": "yellow",
}


def clean(text: str) -> str:
    """Return a foreign text with its control characters escaped, so that it is safe to show."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def console(*, stderr: bool = False) -> Console:
    """Return a console on stdout; output to a file or a pipe has no colours, and lines of any length."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = _PIPE_WIDTH
    return made


def table(*columns: str, right: Iterable[str] = (), whole: Iterable[str] = ()) -> Table:
    """Return a table; `right` are columns of numbers, `whole` those that are never broken, since people copy them."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name in whole, overflow="fold")
    return made


def cell(value: Any) -> Text:
    """Return a value for a table: texts cleaned, None empty, outcomes and statuses coloured."""
    from rich.text import Text

    text = "" if value is None else clean(value if isinstance(value, str) else as_text(value))
    return Text(text, style=COLOURS.get(text, ""))


def as_text(value: Any) -> str:
    """Return a JSON value for people: lists of texts with commas, the rest as JSON."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else dumps(value).decode()


def rows(shown: Table, found: Iterable[Iterable[Any]], empty: str) -> None:
    """Print a table with these rows, or `empty` if there are none."""
    for row in found:
        shown.add_row(*(cell(value) for value in row))
    if shown.row_count:
        _print(shown)
    else:
        click.echo(empty)


def fields(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one per line; skip None and empty texts."""
    shown = table("", "", whole=("",))
    shown.show_header = False
    for name, value in pairs:
        if value not in (None, ""):
            shown.add_row(cell(name), cell(value))
    _print(shown)


def _print(shown: Table) -> None:
    out = console()
    if out.is_terminal:
        out.print(shown)
        return
    # rich pads the last column with spaces, which nobody wants in a file.
    with out.capture() as printed:
        out.print(shown)
    for line in printed.get().splitlines():
        click.echo(line.rstrip())


def with_unit(name: str, value: Any) -> Any:
    """Return the number or numbers of a hook's field with their unit; any other value unchanged."""
    unit = FIELDS[name].unit if name in FIELDS else ""
    if not unit or value is None or isinstance(value, str):
        return value
    return ", ".join(f"{one:g} {unit}" for one in (value if isinstance(value, list) else [value])) or "none"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 record`, `2 records`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def warnings(hook: Mapping[str, Any]) -> None:
    """Print the API's warnings about the events of a hook to stderr."""
    for warning in hook.get("warnings", ()):
        click.echo(f"Warning: {clean(warning)}", err=True)


def as_json(value: Any) -> None:
    """Print JSON in one line."""
    click.echo(dumps(value))


def time_of(seconds: float | None) -> str | None:
    """Return epoch seconds as a readable time in UTC."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def time_of_ms(milliseconds: float | None) -> str | None:
    """Return epoch milliseconds as a readable time in UTC."""
    return None if milliseconds is None else time_of(milliseconds / 1000)


def time_of_iso(text: str | None) -> str | None:
    """Return an ISO 8601 time of the API as a readable time in UTC."""
    return None if text is None else time_of(datetime.fromisoformat(text).timestamp())


def confirm(question: str, yes: bool) -> None:
    """Ask before doing something that can't be undone, unless `yes` is set.

    Raise click.Abort, which ends the command with 1, for any answer but yes, and without a terminal.
    """
    if not yes:
        click.confirm(question, abort=True, err=True)
