"""What many commands share: the worker that they call, `--json`, times, hook ids."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from streamhooks.errors import Refusal
from streamhooks.times import LATEST, iso

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from streamhooks.cli.api import Api

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

_URL, _TOKEN, _CA = "streamhooks.url", "streamhooks.token", "streamhooks.tls_ca"
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_AGO = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_COMPLETED = 100


class Time(click.ParamType):
    """A time, as epoch seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return epoch seconds: `now`, `15m` (ago), ISO 8601 (UTC without an offset), or a number as it is."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        if text == "now":
            return time.time()
        if ago := _AGO.fullmatch(text):
            return time.time() - float(ago[1]) * _SECONDS[ago[2]]
        seconds = -1.0
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        else:
            with suppress(ValueError):
                found = datetime.fromisoformat(text.upper())
                seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        if not 0 <= seconds <= LATEST:
            self.fail(f"{text!r} is not a time: 2026-11-25T10:00, epoch seconds, now, or 15m, 2h, 3d (ago)", param, ctx)
        return seconds


class HookId(click.ParamType):
    """The id of a hook."""

    name = "hook"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id in lower case. The worker says whether the hook exists."""
        text = str(value).strip().lower()
        if not re.fullmatch(r"[0-9a-f]{32}", text):
            self.fail(f"{value!r} is not the id of a hook (32 hex characters)", param, ctx)
        return text

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the hooks whose id begins with `incomplete`; none if no worker answers at once."""
        from click.shell_completion import CompletionItem

        try:
            hooks = api_of(ctx).answer("GET", "/api/hooks", query={"limit": 500}, again=False, timeout=1.0).json
        except Refusal:
            return []
        found = [hook for hook in hooks["hooks"] if hook["id"].startswith(incomplete.lower())]
        return [CompletionItem(hook["id"], help=hook.get("name") or hook["url"]) for hook in found[:_COMPLETED]]


class Resume(click.ParamType):
    """What to do with missed records, in the API's form: `skip`, `all` or a time."""

    name = "skip|all|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the choice; a time as ISO 8601."""
        return value if value in ("skip", "all") else str(iso(TIME.convert(value, param, ctx)))


TIME = Time()
RESUME = Resume()
HOOK = HookId()

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Don't ask for confirmation.")
limit_option = click.option(
    "--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="Maximum number."
)
hook_argument = click.argument("hook", type=HOOK)


def _remembered(name: str, key: str, metavar: str, text: str) -> Callable[[F], F]:
    return click.option(name, callback=_remember(key), expose_value=False, metavar=metavar, help=text)


def api_options(command: F) -> F:
    """Add `--url`, `--token` and `--tls-ca`. Given after a command, they take precedence over those before it."""
    url = _remembered(
        "--url", _URL, "URL", "URL of any worker.  [env: STREAMHOOKS_URL; default: http://127.0.0.1:6066]"
    )
    token = _remembered("--token", _TOKEN, "TOKEN", "Token for the API.  [env: STREAMHOOKS_API_TOKEN]")
    ca = _remembered(
        "--tls-ca",
        _CA,
        "FILE",
        "Certificate authorities to trust for https; default: the system's.  [env: STREAMHOOKS_WEB_TLS_CA]",
    )
    return url(token(ca(command)))


def with_api(command: Callable[Concatenate[Api, P], R]) -> Callable[P, R]:
    """Pass the API client to a command as its first argument. All commands of a run share it."""

    @api_options
    @click.pass_context
    @wraps(command)
    def run(ctx: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return command(api_of(ctx), *args, **kwargs)

    return run


def api_of(ctx: click.Context) -> Api:
    """Return the API client for the options, else for the environment or `.env`."""
    root = ctx.find_root()
    if root.obj is None:
        from streamhooks.cli.api import Api
        from streamhooks.settings import ClientSettings

        known = ClientSettings()
        url = ctx.meta.get(_URL) or known.url or ClientSettings.model_fields["url"].default
        if not re.match(r"https?://[^/?#]", url):
            raise click.UsageError(f"--url (STREAMHOOKS_URL) must begin with http:// or https://: {url!r}")
        tls = None
        if url.startswith("https:"):
            from streamhooks.web.http.tls import client_context

            tls = client_context(Path(ca) if (ca := ctx.meta.get(_CA)) else known.web_tls_ca)
        root.obj = Api(url.rstrip("/"), ctx.meta.get(_TOKEN) or known.api_token or None, tls=tls)
    client: Api = root.obj
    return client


def given_api(ctx: click.Context) -> Api | None:
    """Return the API client if an option names a worker or its token; the environment alone does not count."""
    return api_of(ctx) if any(name in ctx.meta for name in (_URL, _TOKEN, _CA)) else None


def _remember(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def remember(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value:
            ctx.meta[name] = value

    return remember
