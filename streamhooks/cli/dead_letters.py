"""`streamhooks dead-letters`: list, resend or drop dead letters."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

import click

from streamhooks.cli.params import HOOK, TIME, json_option, limit_option, with_api, yes_option
from streamhooks.times import iso

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api

F = TypeVar("F", bound=Callable[..., Any])

_PATH = "/api/dead-letters"
_FILTERS = (
    click.option("--hook", "hook_id", type=HOOK, help="Letters of this hook."),
    click.option("--task", metavar="NAME", help="Letters of this task."),
    click.option("--kind", type=click.Choice(["delivery", "task", "record"]), help="`task`: calls without a hook."),
    click.option("--hook-url", metavar="TEXT", help="Letters of hooks with this text in their URL."),
    click.option("--organization", "organization_id", metavar="ID", help="Letters of this organization's hooks."),
    click.option("--reason", metavar="TEXT", help="Letters with this text in their reason."),
    click.option("--since", type=TIME, help="From this time on: 2026-11-25T10:00, epoch seconds, or 2h (ago)."),
    click.option("--until", type=TIME, help="Before this time."),
)


def _filters(command: F) -> F:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def _named(filters: Mapping[str, Any]) -> JSON:
    """Return the given filters under the API's names; the option is `--hook-url`, since `--url` is the worker's."""
    return {name.replace("hook_url", "url"): value for name, value in filters.items() if value is not None}


@click.group("dead-letters")
def dead_letters() -> None:
    """List, resend or drop dead letters."""


@dead_letters.command("list")
@_filters
@click.option(
    "--state",
    type=click.Choice(["open", "sent", "delivered", "dropped", "all"]),
    default="open",
    show_default=True,
    help="`sent`: sent again, outcome not known yet.",
)
@limit_option
@json_option
@with_api
def list_letters(api: Api, /, limit: int, as_json: bool, **filters: Any) -> None:
    """Show dead letters, newest first."""
    from streamhooks.cli import show
    from streamhooks.cli.traffic import answer_of

    found = list(api.pages(_PATH, "dead_letters", limit, **_named(filters)))
    if as_json:
        show.as_json(found)
        return
    table = show.table(
        "letter", "at (UTC)", "state", "hook", "url", "task", "reason", "attempts", "last", "source", "redriven",
        right=("attempts", "redriven"), whole=("letter", "at (UTC)", "hook", "source"),
    )  # fmt: skip
    rows = (
        (
            one["letter"],
            show.time_of_iso(one["at"]),
            one["state"],
            one["hook_id"],
            one["url"],
            one["task"],
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
    """Show one complete dead letter: the call, or the bytes that could not be read. LETTER is as in the list: 3:17."""
    from streamhooks.cli import show

    found = api.get(f"{_PATH}/{quote(letter, safe=':', errors='surrogateescape')}")
    if as_json:
        show.as_json(found)
        return
    raw = found.pop("raw", None)
    found["webhook-id"] = found.pop("webhook_id", None)
    if found["webhook-id"]:
        del found["id"]
    show.fields((name, value) for name, value in found.items() if value is not False)
    if raw is not None:
        show.fields([("bytes", b64decode(raw).decode(errors="backslashreplace"))])


@dead_letters.command()
@click.argument("letters", nargs=-1, metavar="[LETTER]...")
@_filters
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--force", is_flag=True, help="Include letters that failed again three times.")
@yes_option
@json_option
@with_api
def redrive(api: Api, /, letters: tuple[str, ...], force: bool, **options: Any) -> None:
    """Send open dead letters again, each once: those named, or all that match the filters."""
    words = _Words("redriven", "Send", "again", "would be sent again", "sent again")
    _change(api, "redrive", words, letters, {"force": force}, **options)


@dead_letters.command()
@click.argument("letters", nargs=-1, metavar="[LETTER]...")
@_filters
@click.option("--dry-run", is_flag=True, help="Only count them.")
@yes_option
@json_option
@with_api
def drop(api: Api, /, letters: tuple[str, ...], **options: Any) -> None:
    """Drop open dead letters that nobody needs: those named, or all that match the filters."""
    words = _Words("dropped", "Drop", "", "would be dropped", "dropped")
    _change(api, "drop", words, letters, {}, **options)


class _Words(NamedTuple):
    counted: str
    """The field of the answer with the number of letters that were changed."""
    verb: str
    again: str
    would: str
    done: str


def _change(
    api: Api,
    what: str,
    words: _Words,
    letters: tuple[str, ...],
    fields: JSON,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Count the letters, ask, then change them."""
    from streamhooks.cli import show
    from streamhooks.cli.api import LONG

    wanted = _named(filters)
    wanted |= {name: iso(wanted[name]) for name in ("since", "until") if name in wanted}
    if letters and wanted:
        raise click.UsageError("name letters or give filters, not both")
    if not letters and not wanted:
        raise click.UsageError("name letters, or give at least one filter")
    body = {**({"letters": list(letters)} if letters else wanted), **fields}
    path = f"{_PATH}/{what}"
    if dry_run or not yes:
        counts = api.post(path, {**body, "dry_run": True}, again=True, timeout=LONG)
        number = counts[words.counted]
        if dry_run or not number:
            _show(counts, words.counted, words.would, as_json)
            return
        skipped = f" ({counts['skipped']} skipped)" if counts["skipped"] else ""
        question = (words.verb, show.counted(number, "dead letter"), words.again)
        show.confirm(f"{' '.join(filter(None, question))}{skipped}?", yes)
    with show.console(stderr=True).status("working …"):
        counts = api.post(path, {**body, "dry_run": False}, timeout=LONG)
    _show(counts, words.counted, words.done, as_json)


def _show(counts: JSON, counted: str, what: str, as_json: bool) -> None:
    from streamhooks.cli import show

    if as_json:
        show.as_json(counts)
    else:
        click.echo(f"{show.counted(counts[counted], 'dead letter')} {what}, {counts['skipped']} skipped")
