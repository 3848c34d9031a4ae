"""`streamhooks hooks`: list, create, change and test hooks through the web API of a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamhooks.cli.hooks_apply import apply
from streamhooks.cli.hooks_fields import UNSETTABLE, field_options, given, merged_headers
from streamhooks.cli.hooks_reencrypt import reencrypt
from streamhooks.cli.hooks_test import test
from streamhooks.cli.params import HOOK, RESUME, hook_argument, json_option, with_api, yes_option
from streamhooks.hooks.trouble import STATES, place_of_shown
from streamhooks.records.hook import FIELDS

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api


@click.group()
def hooks() -> None:
    """List, create, change and test hooks."""


hooks.add_command(apply)
hooks.add_command(reencrypt)
hooks.add_command(test)


@hooks.command("list")
@click.option("--organization", "organization_id", metavar="ID", help="Hooks of this organization.")
@click.option("--project", "project_id", metavar="ID", help="Hooks that list this project.")
@click.option("--app", "app_id", metavar="ID", help="Hooks of this app.")
@click.option("--status", type=click.Choice(["active", "disabled"]), help="Hooks with this status.")
@click.option("--state", type=click.Choice(STATES), help="Hooks in this state; `trouble`: any that needs attention.")
@click.option("--search", "q", metavar="TEXT", help="Hooks with this text in their name, URL or id.")
@click.option(
    "--sort",
    type=click.Choice(["trouble", "id"]),
    default="trouble",
    show_default=True,
    help="`trouble`: hooks that need attention come first.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number; default: all.")
@json_option
@with_api
def list_hooks(api: Api, /, sort: str, limit: int | None, as_json: bool, **filters: str | None) -> None:
    """List all hooks, or those that match the filters."""
    from streamhooks.cli import show

    by_trouble = sort == "trouble"
    if by_trouble and limit is not None:
        filters["sort"] = sort
    found = list(api.pages("/api/hooks", "hooks", limit, **filters))
    if by_trouble and limit is None:
        # Sorted here: pages in this order would lack a hook whose state gets worse between two pages.
        found.sort(key=place_of_shown)
    if as_json:
        show.as_json(found)
        return
    shown = show.table("id", "name", "organization", "app", "projects", "status", "url", "events", whole=("id",))
    show.rows(shown, map(_row, found), "no hooks")


@hooks.command()
@click.argument("endpoint")
@click.option("--organization", "organization_id", required=True, metavar="ID", help="Its organization.")
@click.option("--app", "app_id", metavar="ID", help="Create an app hook of this app; default: a service hook.")
@field_options
@click.option("--disabled", is_flag=True, help="Create it disabled: it gets nothing until it is enabled.")
@json_option
@with_api
def add(
    api: Api, /, endpoint: str, organization_id: str, app_id: str | None, disabled: bool, as_json: bool, **options: Any
) -> None:
    """Create a hook that calls ENDPOINT, and show its secret, this once.

    A filter is first tried on the latest messages, and how many pass is shown.
    """
    if not options["events"]:
        if app_id:
            raise click.UsageError("an app hook needs --event, such as --event issue")
        options["events"] = ("event.created",)
    body = {"organization_id": organization_id, "url": endpoint, **given(options)}
    if app_id:
        body["app_id"] = app_id
    if disabled:
        body["status"] = "disabled"
    _try_filter(api, body, body)
    _show(api.post("/api/hooks", body), as_json)
    click.echo("keep the secret: it is not shown again", err=True)


@hooks.command("show")
@hook_argument
@json_option
@with_api
def show_hook(api: Api, /, hook: str, as_json: bool) -> None:
    """Show all fields of a hook, with the worker's defaults, and its observed state."""
    from streamhooks.cli.hooks_defaults import with_defaults

    found = api.get(_path(hook))
    _show(found if as_json else with_defaults(api, found), as_json)


@hooks.command()
@hook_argument
@click.option("--endpoint", "url_of_hook", metavar="URL", help="The new URL.")
@field_options
@click.option(
    "--unset", type=click.Choice(UNSETTABLE), multiple=True, help="Reset this field to its default; repeatable."
)
@json_option
@with_api
def edit(
    api: Api, /, hook: str, url_of_hook: str | None, unset: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Change the given fields of a hook. A filter is first tried on the latest messages.

    The given events and projects replace the current ones. Custom headers are added to the current ones;
    `--header 'NAME:'` removes one. If the endpoint moves to another origin, give each current header again with its
    value, remove it, or use `--unset headers`.
    """
    from streamhooks.cli import changing

    changes: JSON = {**({"url": url_of_hook} if url_of_hook else {}), **given(options)}
    revision = None
    if "headers" in changes and "headers" not in unset:
        found = api.get(_path(hook))
        revision = found.get("revision")
        changes["headers"] = merged_headers(found["headers"] or {}, changes["headers"])
    changes |= {name: FIELDS[name].value.emptied for name in unset if name not in changes}
    if not changes:
        raise click.UsageError("give at least one change")
    if changes.get("filter"):
        _try_filter(api, changes, {**api.get(_path(hook)), **changes})
    _show(changing.put(api, hook, changes, revision), as_json)


@hooks.command()
@click.argument("hooks_to_delete", type=HOOK, nargs=-1, required=True, metavar="HOOK...")
@yes_option
@with_api
def rm(api: Api, /, hooks_to_delete: tuple[str, ...], yes: bool) -> None:
    """Delete hooks and drop their pending calls."""
    from streamhooks.cli import changing, show

    for hook in hooks_to_delete:
        found = api.get(_path(hook))
        show.confirm(f"Delete {hook}, which calls {show.clean(found['url'])}?", yes)
        changing.delete(api, hook)
        click.echo(f"deleted {hook}")


@hooks.command()
@hook_argument
@click.option(
    "--resume",
    metavar="skip|all|TIME",
    type=RESUME,
    help="Whether to skip the records that it missed, send all, or send those from TIME on. Without it, you are asked.",
)
@json_option
@with_api
def enable(api: Api, /, hook: str, resume: str | None, as_json: bool) -> None:
    """Enable a hook again, whoever disabled it. TIME may also be an age: `--resume 2h`."""
    from streamhooks.cli.resuming import consequences, enabled

    found, resume = enabled(api, hook, resume, may_ask=not as_json)
    missed = found.get("missed") or {}
    _show(found if as_json else {name: value for name, value in found.items() if name != "missed"}, as_json)
    for line in consequences(hook, missed, resume):
        click.echo(line, err=as_json)


@hooks.command()
@hook_argument
@json_option
@with_api
def disable(api: Api, /, hook: str, as_json: bool) -> None:
    """Send nothing to a hook until it is enabled again. `missed` shows what it misses."""
    from streamhooks.cli import changing

    _show(changing.put(api, hook, {"status": "disabled"}), as_json)


@hooks.command("rotate-secret")
@hook_argument
@json_option
@with_api
def rotate_secret(api: Api, /, hook: str, as_json: bool) -> None:
    """Give a hook a new secret and show it. The previous one keeps signing for a day (STREAMHOOKS_SECRET_OVERLAP).

    At most two replaced secrets sign at a time. While two do, this is refused, with the time when it will be possible.
    """
    from streamhooks.cli import changing, show

    made = changing.rotate(api, hook)
    if as_json:
        _show(made, as_json)
    else:
        click.echo(made["secret"])
        if until := made.get("previous_secrets_until"):
            ends = f"{show.time_of_iso(max(until))} UTC"
            click.echo(f"keep it: it is not shown again; the previous one keeps signing until {ends}", err=True)


def _try_filter(api: Api, given: JSON, hook: JSON) -> None:
    from streamhooks.cli.hooks_filter import show_trial

    if text := given.get("filter"):
        show_trial(api, text, hook)


def _show(hook: JSON, as_json: bool) -> None:
    from streamhooks.cli import show

    if as_json:
        show.as_json(hook)
    else:
        show.fields(
            (name, show.with_unit(name, value))
            for name, value in hook.items()
            if name != "warnings" and value not in ([], {})
        )
    show.warnings(hook)


def _row(hook: JSON) -> tuple[Any, ...]:
    about = (hook["organization_id"], hook["app_id"], hook["project_ids"], _status(hook))
    return (hook["id"], hook.get("name"), *about, hook["url"], hook["events"])


def _status(hook: JSON) -> str:
    if hook["status"] == "active" and hook["breaker"] == "open":
        return "breaker open"
    return str(hook.get("trouble") or hook["status"]).replace("_", " ")


def _path(hook: str, *parts: str) -> str:
    from streamhooks.cli.api import hook_path

    return hook_path(hook, *parts)
