"""`streamhooks dead-letters`: look at what was given up, and send it again."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from streamhooks.cli.params import HOOK, TIME, json_option, limit_option, with_api, yes_option
from streamhooks.times import iso

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api

F = TypeVar("F", bound=Callable[..., Any])

_PATH = "/api/dead-letters"
_FILTERS = (
    click.option("--hook", "hook_id", type=HOOK, help="Of this hook."),
    click.option("--reason", metavar="TEXT", help="With this in the reason."),
    click.option("--since", type=TIME, help="As 2026-11-25T10:00, epoch seconds, or 2h (ago)."),
    click.option("--until", type=TIME),
)


def _filters(command: F) -> F:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at what was given up, and send it again."""


@dead_letters.command("list")
@_filters
@limit_option
@json_option
@with_api
def list_letters(api: Api, /, limit: int, as_json: bool, **filters: Any) -> None:
    """Show dead letters, newest first."""
    from streamhooks.cli import show
    from streamhooks.cli.traffic import answer_of

    found = list(api.pages(_PATH, "dead_letters", limit, **filters))
    if as_json:
        show.as_json(found)
        return
    table = show.table(
        "letter", "at (UTC)", "hook", "reason", "attempts", "last", "source", "redriven",
        right=("attempts", "redriven"), whole=("letter", "at (UTC)", "hook", "source"),
    )  # fmt: skip
    rows = (
        (
            one["letter"],
            show.time_of_iso(one["at"]),
            one["hook_id"],
            one["reason"],
            one["attempts"],
            answer_of(one["last"] or {}),
            one["source"],
            one["redriven"],
        )
        for one in found
    )
    show.rows(table, rows, "no dead letters")


@dead_letters.command("show")
@click.argument("letter")
@json_option
@with_api
def show_letter(api: Api, /, letter: str, as_json: bool) -> None:
    """Show all of a dead letter (LETTER as in the list: 3:17), the call or the bytes that could not be read."""
    from streamhooks.cli import show

    found = api.get(f"{_PATH}/{quote(letter, safe=':')}")
    if as_json:
        show.as_json(found)
        return
    raw = found.pop("raw", None)
    show.fields((name, value) for name, value in found.items() if value is not False)
    if raw is not None:
        show.fields([("bytes", b64decode(raw).decode(errors="backslashreplace"))])


@dead_letters.command()
@click.argument("letters", nargs=-1, metavar="[LETTER]...")
@_filters
@click.option("--dry-run", is_flag=True, help="Count them, and send nothing.")
@click.option("--force", is_flag=True, help="Also those that were sent again three times or more.")
@yes_option
@json_option
@with_api
def redrive(
    api: Api, /, letters: tuple[str, ...], dry_run: bool, force: bool, yes: bool, as_json: bool, **filters: Any
) -> None:
    """Send dead letters again: those that are named, or all that fit the filters."""
    from streamhooks.cli import show
    from streamhooks.cli.api import LONG

    wanted: JSON = {name: value for name, value in filters.items() if value is not None}
    wanted |= {name: iso(wanted[name]) for name in ("since", "until") if name in wanted}
    if letters and wanted:
        raise click.UsageError("name letters or give filters, not both")
    if not letters and not wanted:
        raise click.UsageError("name letters, or give one filter at least")
    body = {**({"letters": list(letters)} if letters else wanted), "force": force}
    if dry_run or not yes:
        counts = api.post(f"{_PATH}/redrive", {**body, "dry_run": True}, again=True, timeout=LONG)
        if dry_run:
            _show(counts, "would be sent again", as_json)
            return
        left_out = f" ({counts['skipped']} are left out)" if counts["skipped"] else ""
        show.confirm(f"Send {counts['redriven']} dead letters again{left_out}?", yes)
    with show.console(stderr=True).status("sending them again …"):
        counts = api.post(f"{_PATH}/redrive", {**body, "dry_run": False}, timeout=LONG)
    _show(counts, "are sent again", as_json)


def _show(counts: JSON, what: str, as_json: bool) -> None:
    from streamhooks.cli import show

    if as_json:
        show.as_json(counts)
    else:
        click.echo(f"{counts['redriven']} {what}, {counts['skipped']} left out")
