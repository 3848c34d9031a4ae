"""`streamhooks missed` and `replay`: a hook's backlog, and sending past records again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamhooks.cli.params import TIME, hook_argument, json_option, with_api, yes_option
from streamhooks.sources.kinds import OF_USERS
from streamhooks.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamhooks.cli.api import JSON, Api

# Seconds between two checks.
_LOOK = 1.0


@click.command()
@hook_argument
@json_option
@with_api
def missed(api: Api, /, hook: str, as_json: bool) -> None:
    """Show the backlog of a hook.

    It holds the records that the hook missed while it was disabled, and those of running replays.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import hook_path

    found = api.get(hook_path(hook, "missed"))
    if as_json:
        show.as_json(found)
        return
    if not found["stretches"]:
        click.echo("nothing to catch up on")
        return
    show.fields(
        [
            ("records to examine", found["records"]),
            ("since (UTC)", show.time_of_iso(found["since"])),
            (
                "sending",
                "yes" if found["sending"] else f"no: `streamhooks hooks enable {hook} --resume all` sends them",
            ),
            ("still available from (UTC)", show.time_of_iso(found["available_from"])),
        ]
    )
    table = show.table(
        "why", "topic", "partition", "next", "end", "sending", "id",
        right=("partition", "next", "end"), whole=("topic", "id"),
    )  # fmt: skip
    rows = (
        (
            one["why"],
            one["topic"],
            one["partition"],
            one["next"],
            "open" if one["end"] is None else one["end"],
            "yes" if one["sending"] else "no",
            one["id"],
        )
        for one in found["stretches"]
    )
    show.rows(table, rows, "")


@click.command()
@hook_argument
@click.option("--from", "start", type=TIME, help="Beginning: 2026-11-25T10:00, epoch seconds, or 2h (ago).")
@click.option("--to", "end", type=TIME, help="End; default: the end of the log.")
@click.option(
    "--topic",
    "topics",
    metavar="TOPIC",
    multiple=True,
    shell_complete=lambda _ctx, _param, begun: [one for one in OF_USERS if one.startswith(begun)],
    help="Topic to replay; repeatable; default: all that can fire the hook.",
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--no-wait", is_flag=True, help="Don't wait until all records are examined.")
@click.option("--stop", metavar="REPLAY", help="Stop this running replay. Its id was shown when it began.")
@yes_option
@json_option
@with_api
def replay(
    api: Api,
    /,
    hook: str,
    start: float | None,
    end: float | None,
    topics: tuple[str, ...],
    dry_run: bool,
    no_wait: bool,
    stop: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Send again everything that a hook would have got in a period.

    The deliveries are counted first, and sent after you confirm, alongside the live traffic. They have their original
    webhook-ids, so that the receiver can drop duplicates.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import LONG, hook_path

    path = hook_path(hook, "replay")
    if stop is not None:
        api.delete(hook_path(hook, "replay", stop), again=True)
        click.echo(f"stopped {stop}")
        return
    if start is None:
        raise click.UsageError("Missing option '--from'.")
    if end is not None and end < start:
        raise click.UsageError("--to is before --from")
    body: JSON = {"from": iso(start), **({"topics": list(topics)} if topics else {})}
    if end is not None:
        body["to"] = iso(end)
    if dry_run or not yes:
        with show.console(stderr=True).status("counting …"):
            counts = api.post(path, {**body, "dry_run": True}, again=True, timeout=LONG)
        if dry_run and as_json:
            show.as_json(counts)
            return
        until = f"to {show.time_of(end)} UTC" if end is not None else "UTC on"
        found = f"{show.counted(counts['records'], 'record')} from {show.time_of(start)} {until}"
        deliveries = show.counted(counts["matches"], "delivery", "deliveries")
        click.echo(f"{found}: {deliveries}", err=not dry_run)
        if dry_run or not counts["matches"]:
            return
        show.confirm(f"Send {deliveries}?", yes)
    begun = api.post(path, {**body, "dry_run": False}, timeout=LONG)
    if as_json:
        show.as_json(begun)
    else:
        records = show.counted(begun["records"], "record")
        click.echo(f"replay {begun['replay']}: {records}" if "replay" in begun else "nothing is sent")
    if not no_wait and "replay" in begun:
        _follow(api, hook, begun["replay"], begun["records"])
        click.echo("all deliveries are under way", err=as_json)


def _follow(api: Api, hook: str, replay_id: str, records: int) -> None:
    """Show the progress until no records are left to examine."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from streamhooks.cli.show import console

    shown = (TextColumn("records"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*shown, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task("records", total=records)
        try:
            for left in _left(api, hook, replay_id):
                progress.update(task, completed=records - left)
        except KeyboardInterrupt:
            click.echo(f"the replay continues; `streamhooks replay {hook} --stop {replay_id}` stops it", err=True)
            raise


def _left(api: Api, hook: str, replay_id: str) -> Iterator[int]:
    """Yield the number of records left to examine, until there are none."""
    from streamhooks.cli.api import hook_path

    gone = 0
    while gone < 2:  # at the first check, a worker may not know the replay yet
        stretches = api.get(hook_path(hook, "missed"))["stretches"]
        mine = [one for one in stretches if one["id"] == replay_id or one["id"].startswith(f"{replay_id}:")]
        yield sum(max(0, one["end"] - one["next"]) for one in mine if one["end"] is not None)
        gone = 0 if mine else gone + 1
        if gone < 2:
            api.sleep(_LOOK)
