"""`streamhooks tasks`: list, show, run or drop calls of tasks, those that wait or run and those that were given up."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from streamhooks.cli.params import json_option, limit_option, with_api, yes_option

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api

_PATH = "/api/tasks"
_LETTERS = "/api/dead-letters"
_STATES = ("waiting", "queued", "unknown", "running")
_LETTER = re.compile(r"[0-9]+:[0-9]+")

_task_option = click.option("--task", metavar="NAME", help="Calls of this task.")
_calls = click.argument("calls", nargs=-1, required=True, metavar="CALL...")


@click.group("tasks")
def tasks() -> None:
    """List, show, run or drop calls of tasks.

    CALL is as in the list: the id of a call, or the place of a dead letter, such as 3:17.
    """


@tasks.command("list")
@_task_option
@click.option(
    "--state",
    type=click.Choice([*_STATES, "dead"]),
    help="`queued`: due, waits for a place. `unknown`: due, waits for a worker that knows its task. "
    "`dead`: given up, open dead letters. By default all but `dead`.",
)
@limit_option
@json_option
@with_api
def list_calls(api: Api, /, task: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """Show calls of tasks, the next one first; those that were given up, the newest first."""
    from streamhooks.cli import show

    if state == "dead":
        calls = list(api.pages(_LETTERS, "dead_letters", limit, kind="task", task=task))
        show.as_json(calls) if as_json else _dead_table(calls)
        return
    answer = api.answer("GET", _PATH, query={"task": task, "state": state, "limit": limit})
    calls = answer.json["calls"]
    if as_json:
        show.as_json(calls)
        return
    _table(calls)
    total = int(answer.headers.get("X-Total-Count", len(calls)))
    if total > len(calls):
        click.echo(f"the next {len(calls)} of {total}")
    if answer.json["tasks"]:
        click.echo()
        rows = ((one["task"], *(one[name] for name in _STATES)) for one in answer.json["tasks"])
        show.rows(show.table("task", *_STATES, right=_STATES), rows, "")


@tasks.command("show")
@click.argument("call")
@json_option
@with_api
def show_call(api: Api, /, call: str, as_json: bool) -> None:
    """Show one call with its arguments."""
    from streamhooks.cli import show

    found = api.get(f"{_LETTERS}/{call}" if _LETTER.fullmatch(call) else _path(call))
    if as_json:
        show.as_json(found)
        return
    for name in ("due", "created"):
        if name in found:
            found[name] = show.time_of_ms(found[name])
    show.fields((name, value) for name, value in found.items() if value is not False)


@tasks.command("run")
@_calls
@json_option
@with_api
def run_calls(api: Api, /, calls: tuple[str, ...], as_json: bool) -> None:
    """Run calls now, as soon as there is room; one that was given up is sent again."""
    from streamhooks.cli import show

    ids, letters = _told_apart(calls)
    states = Counter(api.post(f"{_path(one)}/run", again=True)["state"] for one in ids)
    runs, unknown = states["running"], states["unknown"]
    now = len(ids) - runs - unknown
    again = api.post(f"{_LETTERS}/redrive", {"letters": letters})["redriven"] if letters else 0
    if as_json:
        show.as_json({"run": now, "redriven": again})
        return
    told = (
        (now, now > 0, "set to run now"),
        (runs, runs > 0, "already running"),
        (unknown, unknown > 0, "waiting for a worker that knows their task"),
        (again, bool(letters), "sent again"),
    )
    click.echo(", ".join(f"{show.counted(number, 'call')} {what}" for number, named, what in told if named))


@tasks.command("drop")
@click.argument("calls", nargs=-1, metavar="[CALL]...")
@_task_option
@click.option("--state", type=click.Choice(["waiting", "queued", "unknown"]), help="Only calls in this state.")
@yes_option
@json_option
@with_api
def drop_calls(
    api: Api, /, calls: tuple[str, ...], task: str | None, state: str | None, yes: bool, as_json: bool
) -> None:
    """Drop calls that do not run: those named, or all of a task. What is running is skipped."""
    from streamhooks.cli import show

    if bool(calls) == bool(task):
        raise click.UsageError("name calls, or give --task")
    if state and not task:
        raise click.UsageError("--state goes with --task")
    ids, letters = _told_apart(calls)
    if task:
        found = api.pages(_PATH, "calls", task=task, state=state)
        ids = list(dict.fromkeys(one["call_id"] for one in found if one["state"] != "running"))
    if ids or letters:
        of_task = f" of {show.clean(task)}" if task else ""
        show.confirm(f"Drop {show.counted(len(ids) + len(letters), 'call')}{of_task}?", yes)
    gone = sum(_is_dropped(api, one, is_named=not task) for one in ids)
    if letters:
        gone += api.post(f"{_LETTERS}/drop", {"letters": letters})["dropped"]
    skipped = len(ids) + len(letters) - gone
    if as_json:
        show.as_json({"dropped": gone, "skipped": skipped})
    else:
        click.echo(f"{show.counted(gone, 'call')} dropped, {skipped} skipped")


def _is_dropped(api: Api, call: str, *, is_named: bool) -> bool:
    """Drop a call; False if it is running, or one of many that has ended meanwhile."""
    from streamhooks.cli.api import ProblemAnswer

    try:
        api.delete(_path(call), again=True)
    except ProblemAnswer as problem:
        if problem.status != 409 and (is_named or problem.status != 404):
            raise
        return False
    return True


def _told_apart(calls: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the ids of calls, and the places of dead letters."""
    letters = [one for one in calls if _LETTER.fullmatch(one)]
    return [one for one in calls if not _LETTER.fullmatch(one)], letters


def _path(call: str) -> str:
    return f"{_PATH}/{quote(call, safe='', errors='surrogateescape')}"


def _table(calls: Iterable[JSON]) -> None:
    from streamhooks.cli import show

    table = show.table(
        "call", "task", "state", "due (UTC)", "in", "attempt", "why", "last", "source",
        right=("in", "attempt"), whole=("call", "due (UTC)", "source"),
    )  # fmt: skip
    now = time.time() * 1000
    rows = (
        (
            one["call_id"],
            one["task"],
            one["state"],
            show.time_of_ms(one["due"]),
            f"{max(0.0, one['due'] - now) / 1000:.0f} s",
            one["attempt"],
            one["reason"],
            _error_of(one),
            one["source"],
        )
        for one in calls
    )
    show.rows(table, rows, "no calls of tasks")


def _dead_table(letters: Iterable[JSON]) -> None:
    from streamhooks.cli import show

    table = show.table(
        "call", "task", "at (UTC)", "attempts", "reason", "source", "redriven",
        right=("attempts", "redriven"), whole=("call", "at (UTC)", "source"),
    )  # fmt: skip
    names = ("letter", "task", "at", "attempts", "reason", "source", "redriven")
    rows = ([show.time_of_iso(one[name]) if name == "at" else one[name] for name in names] for one in letters)
    show.rows(table, rows, "no dead calls of tasks")


def _error_of(call: JSON) -> Any:
    return (call["last"] or {}).get("error")
