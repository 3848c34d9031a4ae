"""`streamhooks requests`, `resend` and `pending`: attempts, sending a request again, and pending calls."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

import click

from streamhooks.cli.params import HOOK, TIME, hook_argument, json_option, limit_option, with_api
from streamhooks.errors import Refusal
from streamhooks.records.firing import Outcome

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api

_ATTEMPTS = "/api/attempts"


@click.command()
@click.argument("hook", type=HOOK, required=False)
@click.option("--webhook-id", metavar="ID", help="Attempts with this webhook-id.")
@click.option(
    "--outcome", type=click.Choice(get_args(Outcome)), help="Attempts with this outcome; `failed`: a failed test."
)
@click.option("--status", type=click.IntRange(100, 999), metavar="STATUS", help="Attempts with this HTTP status.")
@click.option("--event", metavar="NAME", help="Attempts of this event, such as issue.created.")
@click.option("--since", type=TIME, help="Attempts from this time on: 2026-11-25T10:00, epoch seconds, or 2h (ago).")
@click.option("--until", type=TIME, help="Attempts before this time.")
@limit_option
@click.option("--failed", is_flag=True, help="Of the attempts found, show only those that were not delivered.")
@click.option("--bodies", is_flag=True, help="Show the bodies of requests and responses, where they are kept.")
@json_option
@with_api
def requests(
    api: Api, /, hook: str | None, limit: int, failed: bool, bodies: bool, as_json: bool, **filters: Any
) -> None:
    """Show the latest attempts of a hook, or search for attempts, newest first. Times are in UTC.

    --webhook-id, --outcome, --status, --event, --since and --until search as far back as the topic firings goes. They
    search all hooks unless HOOK is given. Ctrl-C ends a search.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import hook_path

    wanted = {name: value for name, value in filters.items() if value is not None}
    if wanted:
        found = list(_search(api, limit, {"hook_id": hook, **wanted}))
    elif hook is not None:
        found = api.get(hook_path(hook, "requests"), limit=limit)
    else:
        raise click.UsageError("give HOOK, or a search option such as --outcome")
    if failed:
        found = [attempt for attempt in found if attempt["outcome"] != "delivered"]
    if as_json:
        show.as_json(found)
        return
    if not bodies or not found:
        attempts_table(found, "no attempts found" if wanted else "nothing was sent", with_hook=hook is None)
        return
    for attempt in found:
        names = ["event", "attempt", "cause", "outcome", "status", "error"]
        names += ["duration_ms", "source", "url"]
        first = [("at (UTC)", show.time_of_ms(attempt["at"])), ("webhook-id", attempt["webhook_id"])]
        show.fields([*first, *((name, attempt.get(name)) for name in names)])
        show.fields((name, attempt.get(name)) for name in ("request", "response"))
        click.echo()


@click.command()
@hook_argument
@click.argument("webhook_id")
@click.option("--source", metavar="TOPIC:PARTITION:OFFSET", help="Its record; default: search for it.")
@json_option
@with_api
def resend(api: Api, /, hook: str, webhook_id: str, source: str | None, as_json: bool) -> None:
    """Send one request again, with the same webhook-id.

    It is made from its record, for the hook's current fields. It is not counted again.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import hook_path

    if source is None:
        found = _search(api, None, {"hook_id": hook, "webhook_id": webhook_id})
        source = next((attempt["source"] for attempt in found if attempt["source"]), None)
    if source is None:
        raise Refusal(f"no attempt of {webhook_id} with a source was found: see `streamhooks requests {hook}`")
    sent = api.post(hook_path(hook, "requests", webhook_id, "resend"), {"source": source})
    if as_json:
        show.as_json(sent)
        return
    click.echo(f"{sent['webhook_id']} is sent again, from {sent['source']}")


def _search(api: Api, limit: int | None, wanted: Mapping[str, object]) -> Iterator[JSON]:
    """Yield the matching attempts, page by page, and show how far back the search has gone."""
    from streamhooks.cli import show

    with show.console(stderr=True).status("searching …") as status:
        for page in api.pages_of(_ATTEMPTS, "attempts", limit, **wanted):
            if page["looked_back_to"] is not None:
                status.update(f"searched back to {show.time_of_iso(page['looked_back_to'])} UTC …")
            yield from page["attempts"]


def attempts_table(attempts: Iterable[JSON], empty: str, *, with_hook: bool = False) -> None:
    """Print attempts in the API's form as a table, or `empty`."""
    from streamhooks.cli import show

    hook = ("hook",) if with_hook else ()
    table = show.table(
        "at (UTC)", *hook, "event", "attempt", "cause", "outcome", "answer", "ms", "webhook-id", "source",
        right=("attempt", "ms"), whole=("at (UTC)", "hook", "webhook-id", "source"),
    )  # fmt: skip
    rows = (
        (
            show.time_of_ms(one["at"]),
            *(one[f"{name}_id"] for name in hook),
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
@click.option("--retry", multiple=True, metavar="WEBHOOK-ID", help="Run calls with this webhook-id now; repeatable.")
@click.option("--drop", multiple=True, metavar="WEBHOOK-ID", help="Drop calls with this webhook-id; repeatable.")
@json_option
@with_api
def pending(api: Api, /, hook: str, limit: int, retry: tuple[str, ...], drop: tuple[str, ...], as_json: bool) -> None:
    """Show the pending calls of a hook, run them now, or drop them.

    The call that is due next comes first.
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
            done = ((retry, "set to run now"), (drop, "dropped"))
            click.echo(", ".join(f"{show.counted(len(calls), 'call')} {what}" for calls, what in done if calls))
        return
    answer = api.answer("GET", hook_path(hook, "pending"), query={"limit": limit})
    if as_json:
        show.as_json(answer.json)
        return
    pending_table(answer.json, "no pending calls")
    total = int(answer.headers.get("X-Total-Count", len(answer.json)))
    if total > len(answer.json):
        click.echo(f"the next {len(answer.json)} of {total}")


def pending_table(calls: Iterable[JSON], empty: str) -> None:
    """Print pending calls in the API's form as a table, or `empty`."""
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
    """Return the status of an attempt, else its error."""
    status = attempt.get("status")
    return attempt.get("error") if status is None else status
