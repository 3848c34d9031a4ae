"""`streamhooks hooks test`: send a test now, and show the request and the response."""

from __future__ import annotations

from collections.abc import Iterable
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamhooks.cli.params import api_of, hook_argument, json_option, with_api
from streamhooks.errors import Refusal

if TYPE_CHECKING:
    from streamhooks.cli.api import JSON, Api


class Body(click.ParamType):
    """A JSON object: the JSON itself, a file, or `-` for stdin."""

    name = "body"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> JSON:
        """Return the object; its numbers keep their digits."""
        from streamhooks.records.exact_json import loads

        if isinstance(value, dict):
            return value
        where = "this" if value.lstrip()[:1] in ("{", "[") else "stdin" if value == "-" else value
        try:
            if where == "this":
                text = value
            else:
                text = click.get_binary_stream("stdin").read() if value == "-" else Path(value).read_bytes()
            body = loads(text)
        except OSError as error:
            self.fail(f"{value!r} is neither JSON nor a readable file: {error.strerror}", param, ctx)
        except JSONDecodeError as error:
            self.fail(f"{where} is not JSON: {error}", param, ctx)
        if not isinstance(body, dict):
            self.fail(f"{where} is not a JSON object", param, ctx)
        return body


def _events(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the hook's events that begin with `incomplete`; none if no worker answers at once."""
    from streamhooks.cli.api import hook_path

    # After an option without its value, nothing is parsed yet.
    hook = ctx.params.get("hook") or next(iter(ctx.args), "")
    try:
        events = api_of(ctx).answer("GET", hook_path(hook, "test"), again=False, timeout=1.0).json["events"]
    except Refusal:
        return []
    return [event for event in events if event.startswith(incomplete)]


@click.command()
@hook_argument
@click.option(
    "--event", shell_complete=_events, help="An event that can fire the hook; default: the first that it subscribed to."
)
@click.option("--body", type=Body(), metavar="FILE|JSON|-", help="A JSON object to send instead of the event's sample.")
@click.option("--sample", is_flag=True, help="Print the event's sample for editing, and send nothing.")
@json_option
@with_api
def test(api: Api, /, hook: str, event: str | None, body: JSON | None, sample: bool, as_json: bool) -> None:
    """Send a test now, and show the request and the response.

    The attempt is listed as a test. It is neither counted nor retried. Exit code 1 if it was not delivered.
    """
    from streamhooks.cli import show
    from streamhooks.cli.api import hook_path

    if sample:
        if body is not None:
            raise click.UsageError("--sample sends nothing, so it can't have a --body")
        _show_sample(api.get(hook_path(hook, "test"), event=event), as_json)
        return
    fields = {name: value for name, value in (("event", event), ("body", body)) if value is not None}
    result = api.post(hook_path(hook, "test"), fields or None)
    if as_json:
        show.as_json(result)
    else:
        _show(result)
    if result["outcome"] != "delivered":
        raise Refusal(f"not delivered: {show.clean(str(result['error'] or result['status']))}")


def _show_sample(found: JSON, as_json: bool) -> None:
    import orjson

    from streamhooks.cli import show
    from streamhooks.records.exact_json import dumps

    if as_json:
        show.as_json(found)
    else:
        click.echo(show.clean(dumps(found["body"], orjson.OPT_INDENT_2).decode()))


def _show(result: JSON) -> None:
    from streamhooks.cli import show

    names = ("outcome", "status", "error", "duration_ms", "event")
    show.fields([*((name, result.get(name)) for name in names), ("webhook-id", result["webhook_id"])])
    if result.get("request") is not None:
        _message("request to " + result["url"], result["request_headers"], result["request"])
    if result["status"] is not None:
        _message("response", result.get("response_headers", ()), result["response"])


def _message(title: str, headers: Iterable[JSON], body: str) -> None:
    """Print a request or a response, cleaned of control characters."""
    from streamhooks.cli.show import clean

    click.echo(f"\n{click.style(clean(title), bold=True)}")
    for header in headers:
        click.echo(f"{clean(header['name'])}: {clean(header['value'])}")
    if body:
        click.echo(f"\n{clean(body)}")
