"""`streamhooks listen`: the receiver of `streamhooks.dev`, which shows webhooks as they arrive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
import orjson

from streamhooks.cli.params import api_of, api_options, json_option
from streamhooks.cli.temporary_hook import temporary_hook
from streamhooks.errors import Refusal
from streamhooks.records.exact_json import dumps, loads
from streamhooks.records.hook_events import EVERYTHING, OF_MESSAGES, SERVICE_EVENTS

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.typedefs import Handler, Middleware

    from streamhooks.dev.behaviour import Behaviour
    from streamhooks.dev.receiver import Received

_LINES = 30
_ENDING = (signal.SIGINT, signal.SIGTERM)


class Share(click.ParamType):
    """The requests that fail: `2` of each webhook-id, or a share, `0.3` or `30%`."""

    name = "n|share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        """Return a whole number from 0, or a share as a float above 0 and up to 1."""
        text = str(value)
        try:
            if text.isascii() and text.isdigit():
                return int(text)
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = 0.0
        if not 0 < share <= 1:
            self.fail(f"{text!r} is neither a number of requests (2) nor a share (0.3, 30%)", param, ctx)
        return share


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8801, show_default=True, help="Port to listen on.")
@click.option("--secret", multiple=True, metavar="[HOOK=]SECRET", help="Secret of one hook, or of all; repeatable.")
@click.option("--hook", "organization_id", metavar="ORGANIZATION", help="Create a temporary hook of this organization.")
@click.option(
    "--event", "events", multiple=True, metavar="EVENT", help="Event of that hook: order.paid, order.*; repeatable."
)
@click.option(
    "--format", "form", metavar="FORMAT", help="Format of that hook: sentry (default), standard, cloudevents or data."
)
@click.option("--filter", "condition", metavar="EXPRESSION", help="Filter of that hook: message.data.total > 100.")
@click.option("--app", "app_id", metavar="ID", help="App of that hook; default: a service hook.")
@click.option("--endpoint", metavar="URL", help="URL for that hook, if not http://HOST:PORT/.")
@click.option("--fail", type=Share(), help="Fail the first N requests of each webhook-id, or a share: 0.3, 30%.")
@click.option("--status", type=click.IntRange(200, 599), help="Status of failures (500); without --fail, of all.")
@click.option(
    "--delay", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Delay each response by this long."
)
@click.option("--full", is_flag=True, help="Show headers and complete bodies.")
@click.option("--short", is_flag=True, help="Show one line per request.")
@click.option("--count", type=click.IntRange(min=1), help="Stop after this many requests; default: Ctrl-C.")
@json_option
@api_options
@click.pass_context
def listen(
    ctx: click.Context,
    /,
    host: str,
    port: int,
    secret: tuple[str, ...],
    organization_id: str | None,
    events: tuple[str, ...],
    form: str | None,
    condition: str | None,
    app_id: str | None,
    endpoint: str | None,
    fail: float | None,
    status: int | None,
    delay: float,
    full: bool,
    short: bool,
    count: int | None,
    as_json: bool,
) -> None:
    """Receive webhooks, verify them and show them.

    --hook creates a hook that calls this receiver, and deletes it at the end; it needs no --secret. Any path works. A
    URL may ask for its own behaviour, such as /any?status=500&fail=1 (see `receiver`). To send to this machine, a
    worker needs STREAMHOOKS_ALLOWED_NETWORKS=127.0.0.0/8. Exit code 1 if a signature was wrong.
    """
    from streamhooks.dev.receiver import create_receiver, secrets_of

    if organization_id is None and (events or form or condition or app_id or endpoint):
        raise click.UsageError("--event, --format, --filter, --app and --endpoint go with --hook")
    wrong = 0

    def seen(received: Received) -> None:
        nonlocal wrong
        wrong += received.verified is False
        if as_json:
            click.echo(orjson.dumps(received.to_fields()))
        else:
            _show(received, full, short)
        sys.stdout.flush()

    with contextlib.ExitStack() as stack:
        secrets = [*secret]
        if organization_id is not None:
            fields = {
                "organization_id": organization_id,
                "app_id": app_id,
                "events": list(events or _default_events(form, app_id)),
                "format": form,
                "filter": condition,
                "url": endpoint or f"http://{host}:{port}/",
            }
            given = {name: value for name, value in fields.items() if value is not None}
            made = stack.enter_context(temporary_hook(api_of(ctx), given))
            # The requests of message hooks don't name their hook.
            secrets.append(made["secret"] if form in OF_MESSAGES else f"{made['id']}={made['secret']}")
        app = create_receiver(secrets_of(secrets), keep=1000, behaviour=_behaviour(fail, status), on_request=seen)
        try:
            asyncio.run(_run(app, host, port, delay, count))
        except OSError as error:
            raise Refusal(f"can't listen on {host}:{port}: {error.strerror or error}") from error
    if wrong:
        raise Refusal(f"{wrong} requests had wrong signatures")


def _default_events(form: str | None, app_id: str | None) -> tuple[str, ...]:
    if form in OF_MESSAGES:
        return (EVERYTHING,)
    return ("issue.*",) if app_id else SERVICE_EVENTS


def _behaviour(fail: float | None, status: int | None) -> Behaviour:
    from streamhooks.dev.behaviour import GOOD, Behaviour

    if isinstance(fail, float):
        return Behaviour(rate=fail, status=status or 0)
    if fail is not None:
        return Behaviour(fail=fail, status=status or 0) if fail else GOOD
    return Behaviour(status=status) if status else GOOD


async def _run(app: web.Application, host: str, port: int, delay: float, count: int | None) -> None:
    from streamhooks.dev.receiver import serve

    done = asyncio.Event()
    app.middlewares.append(_answering(delay, count, done))
    runner = await serve(app, port, host)
    for number in _ENDING:
        with contextlib.suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().add_signal_handler(number, done.set)
    click.echo(f"listening on http://{host}:{port}/ (Ctrl-C stops it)", err=True)
    try:
        await done.wait()
    finally:
        await runner.cleanup()


def _answering(delay: float, count: int | None, done: asyncio.Event) -> Middleware:
    """Return a middleware that delays responses by `delay` seconds and sets `done` after `count` webhooks."""
    from aiohttp import web

    answered = 0

    @web.middleware
    async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal answered
        response = await handler(request)
        if request.path.startswith("/_"):
            return response
        await asyncio.sleep(delay)
        # The last response must be sent before the end.
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            await response.write_eof()
        answered += 1
        if count is not None and answered >= count:
            done.set()
        return response

    return answering


def _show(received: Received, full: bool, short: bool) -> None:
    from rich.text import Text

    from streamhooks.cli.show import clean, console, time_of

    out = console()
    failed = received.status is None or received.status >= 300
    target = received.path + (f"?{received.query}" if received.query else "")
    out.print(
        Text.assemble(
            (f"{str(time_of(received.time))[11:]}  ", "dim"),
            (clean(target), "bold"),
            f"  {clean(_event(received))}  {clean(received.id)}  ",
            _verdict(received),
            ("  → ", "dim"),
            (str(received.status or "no answer"), "red" if failed else "green"),
        ),
        soft_wrap=True,
    )
    if short:
        return
    if full:
        for name, text in received.headers.items():
            out.print(Text(f"  {clean(name.lower())}: {clean(text)}", style="cyan"), soft_wrap=True)
    lines = _body(received.body or "")
    for line in lines if full else lines[:_LINES]:
        out.print(line, soft_wrap=True)
    if len(lines) > _LINES and not full:
        out.print(Text(f"  … {len(lines) - _LINES} more lines (--full)", style="dim"))
    out.print()


def _verdict(received: Received) -> tuple[str, str]:
    if received.verified is None:
        return ("not checked", "dim") if received.signatures or "webhook-signature" in received.headers else (
            "not signed", "yellow"
        )  # fmt: skip
    if received.verified:
        return (f"verified ({_named(received.signatures)})", "green")
    wrong = [name for name, right in received.signatures.items() if not right]
    return (f"WRONG signature ({_named(wrong)})", "bold red")


def _named(signatures: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in signatures)


def _event(received: Received) -> str:
    """Return the kind of webhook that its headers name, else the `type` in its body, else `?`."""
    headers = received.headers
    if resource := headers.get("Sentry-Hook-Resource"):
        return str(resource)
    if "X-ServiceHook-GUID" in headers:
        return "service hook"
    try:
        body = loads(received.body or "")
    except json.JSONDecodeError:
        return "?"
    found = body.get("type") if isinstance(body, dict) else None
    return found if isinstance(found, str) else "?"


def _body(text: str) -> list[Any]:
    """Return the lines of a body, JSON indented."""
    from rich.highlighter import JSONHighlighter
    from rich.text import Text

    from streamhooks.cli.show import clean

    try:
        text = dumps(loads(text), option=orjson.OPT_INDENT_2).decode()
    except json.JSONDecodeError:
        return [Text(f"  {clean(line)}") for line in text.splitlines()]
    highlighter = JSONHighlighter()
    # A JSON string has no control characters, but may have characters that change the text direction.
    return [highlighter(Text(f"  {clean(line)}")) for line in text.splitlines()]
