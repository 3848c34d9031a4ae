"""`streamhooks explain`: which hooks a record fired, why it did not fire the others, and the attempts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from streamhooks.cli.params import TIME, json_option, with_api

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api

_SOURCE = re.compile(r"[A-Za-z0-9._-]+:[0-9]+:[0-9]+")


@click.command()
@click.argument("source", required=False, metavar="[TOPIC:PARTITION:OFFSET]")
@click.option("--event-id", metavar="HEX", help="Search for the record with this event id instead.")
@click.option("--since", type=TIME, help="Search from this time on: 2026-11-25T10:00, epoch seconds, or 2h (ago).")
@click.option("--until", type=TIME, help="Search up to this time.")
@json_option
@with_api
def explain(
    api: Api, /, source: str | None, event_id: str | None, since: float | None, until: float | None, as_json: bool
) -> None:
    """Show which hooks a record fired, and why it did not fire the others.

    Lists each hook of the record's organization, and the attempts of its deliveries.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import LONG

    if (source is None) == (event_id is None):
        raise click.UsageError("give TOPIC:PARTITION:OFFSET or --event-id")
    if source is not None and not _SOURCE.fullmatch(source):
        raise click.BadParameter(f"{source!r} is not TOPIC:PARTITION:OFFSET", param_hint="SOURCE")
    if event_id is None and (since is not None or until is not None):
        raise click.UsageError("--since and --until go with --event-id")
    query = {"source": source, "event_id": event_id, "since": since, "until": until}
    found = api.answer("GET", "/api/explain", query=query, timeout=LONG).json
    if as_json:
        show.as_json(found)
        return
    show.fields(
        [
            ("source", found["source"]),
            ("written (UTC)", show.time_of_iso(found["timestamp"])),
            *found["record"].items(),
        ]
    )
    click.echo()
    if found.get("skipped"):
        click.echo(found["skipped"])
        return
    _hooks(found["hooks"])


def _hooks(hooks: Iterable[JSON]) -> None:
    from streamhooks.cli import show
    from streamhooks.cli.traffic import attempts_table, pending_table

    hooks = sorted(hooks, key=lambda hook: not hook["matched"])
    table = show.table("hook", "matched", "why", "url", whole=("hook",))
    rows = ((one["hook_id"], "yes" if one["matched"] else "no", one["why"], one["url"]) for one in hooks)
    show.rows(table, rows, "the organization has no hooks")
    for hook in hooks:
        if hook["matched"] or hook["attempts"] or hook["pending"]:
            click.echo(f"\n{hook['hook_id']}  webhook-id {hook['webhook_id']}")
            attempts_table(hook["attempts"], "  no attempts found")
            if hook["pending"]:
                pending_table(hook["pending"], "")
