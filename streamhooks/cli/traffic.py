"""`streamhooks requests` and `pending`: what was sent to a hook, and what waits."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from streamhooks.cli.params import hook_argument, json_option, limit_option, with_api

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api


@click.command()
@hook_argument
@limit_option
@click.option("--failed", is_flag=True, help="Of these, only those that were not delivered.")
@click.option("--bodies", is_flag=True, help="Show what was sent and what came back, where it is kept.")
@json_option
@with_api
def requests(api: Api, /, hook: str, limit: int, failed: bool, bodies: bool, as_json: bool) -> None:
    """Show the latest attempts of a hook, newest first. Times are in UTC."""
    from streamhooks.cli import show
    from streamhooks.cli.api import hook_path

    found = api.get(hook_path(hook, "requests"), limit=limit)
    if failed:
        found = [attempt for attempt in found if attempt["outcome"] != "delivered"]
    if as_json:
        show.as_json(found)
        return
    if not bodies or not found:
        attempts_table(found, "nothing was sent")
        return
    for attempt in found:
        names = ["event", "attempt", "cause", "outcome", "status", "error"]
        names += ["duration_ms", "source", "url"]
        first = [("at (UTC)", show.time_of_ms(attempt["at"])), ("webhook-id", attempt["webhook_id"])]
        show.fields([*first, *((name, attempt.get(name)) for name in names)])
        show.fields((name, attempt.get(name)) for name in ("request", "response"))
        click.echo()


def attempts_table(attempts: Iterable[JSON], empty: str) -> None:
    """Print attempts as the API shows them."""
    from streamhooks.cli import show

    table = show.table(
        "at (UTC)", "event", "attempt", "cause", "outcome", "answer", "ms", "webhook-id", "source",
        right=("attempt", "ms"), whole=("at (UTC)", "webhook-id", "source"),
    )  # fmt: skip
    rows = (
        (
            show.time_of_ms(one["at"]),
            one.get("event"),
            one["attempt"],
            one.get("cause"),
            one["outcome"],
            answer_of(one),
            one.get("duration_ms"),
            one["webhook_id"],
            one.get("source"),
        )
        for one in attempts
    )
    show.rows(table, rows, empty)


@click.command()
@hook_argument
@limit_option
@click.option("--retry", multiple=True, metavar="WEBHOOK-ID", help="Run this now; may be repeated.")
@click.option("--drop", multiple=True, metavar="WEBHOOK-ID", help="Never run this; may be repeated.")
@json_option
@with_api
def pending(api: Api, /, hook: str, limit: int, retry: tuple[str, ...], drop: tuple[str, ...], as_json: bool) -> None:
    """Show what waits for a hook, run it now, or drop it.

    The next one comes first.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import hook_path

    if retry or drop:
        for webhook_id in retry:
            api.post(hook_path(hook, "pending", webhook_id, "retry"), again=True)
        for webhook_id in drop:
            api.delete(hook_path(hook, "pending", webhook_id), again=True)
        if as_json:
            show.as_json({"retried": list(retry), "dropped": list(drop)})
        else:
            done = ((retry, "told to run now"), (drop, "dropped"))
            click.echo(", ".join(f"{show.counted(len(calls), 'call')} {what}" for calls, what in done if calls))
        return
    answer = api.answer("GET", hook_path(hook, "pending"), query={"limit": limit})
    if as_json:
        show.as_json(answer.json)
        return
    pending_table(answer.json, "nothing waits")
    total = int(answer.headers.get("X-Total-Count", len(answer.json)))
    if total > len(answer.json):
        click.echo(f"the next {len(answer.json)} of {total}")


def pending_table(calls: Iterable[JSON], empty: str) -> None:
    """Print pending calls as the API shows them."""
    from streamhooks.cli import show

    table = show.table(
        "webhook-id", "event", "due (UTC)", "in", "attempt", "why", "state", "last", "source",
        right=("attempt", "in"), whole=("webhook-id", "due (UTC)", "source"),
    )  # fmt: skip
    now = time.time() * 1000
    rows = (
        (
            one["webhook_id"],
            one.get("event"),
            show.time_of_ms(one["due"]),
            f"{max(0, round((one['due'] - now) / 1000))} s",
            one["attempt"],
            one["reason"],
            one["state"],
            answer_of(one.get("last") or {}),
            one.get("source"),
        )
        for one in calls
    )
    show.rows(table, rows, empty)


def answer_of(attempt: JSON) -> Any:
    """Return what an attempt came to: the status, else the error."""
    status = attempt.get("status")
    return attempt.get("error") if status is None else status
