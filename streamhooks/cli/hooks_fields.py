"""The options of `hooks add` and `hooks edit`, and the fields of the API that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

JSON = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

#: what `hooks edit --unset` can take away
UNSETTABLE = (
    "name",
    "description",
    "project_ids",
    "headers",
    "timeout",
    "max_in_flight",
    "rate_limit",
    "retry_schedule",
)

_OPTIONS = (
    click.option("--name", metavar="TEXT", help="What you call it."),
    click.option("--description", metavar="TEXT", help="What it is for, in one line."),
    click.option(
        "--event",
        "events",
        multiple=True,
        metavar="EVENT",
        help="As event.created or issue.*; may be repeated.",
    ),
    click.option("--project", "project_ids", multiple=True, metavar="ID", help="May be repeated; else all projects."),
    click.option(
        "--secret",
        metavar="TEXT",
        help="16 to 256 characters, or whsec_ and the base64 of 24 to 64 bytes; `-` reads a line of stdin.",
    ),
    click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="An own header; may be repeated."),
    click.option("--timeout", type=float, metavar="SECONDS", help="For a whole request."),
    click.option("--max-in-flight", type=int, metavar="N", help="Deliveries at once, on each worker."),
    click.option("--rate-limit", type=float, metavar="N", help="Deliveries a second, over all workers."),
    click.option("--retry-schedule", metavar="S,S,…", help="Seconds before each retry: 5,60,3600."),
)


def field_options(command: F) -> F:
    """Add an option for each field that may be set; `given` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(options: JSON) -> JSON:
    """Return the fields of the API for the options that were used.

    Raises click.BadParameter for what is none.
    """
    found = {name: value for name, value in options.items() if value not in (None, ())}
    for name in ("events", "project_ids"):
        if name in found:
            found[name] = list(found[name])
    if "headers" in found:
        found["headers"] = dict(map(_header, found["headers"]))
    if found.get("secret") == "-":
        found["secret"] = click.get_text_stream("stdin").readline().rstrip("\r\n")
    if "retry_schedule" in found:
        found["retry_schedule"] = _schedule(found["retry_schedule"])
    return found


def merged_headers(present: Iterable[str], wanted: dict[str, str]) -> dict[str, str] | None:
    """Return own headers as a PUT wants them: those that are there keep their values, an empty one goes.

    present -- the names of those that are there. Without any left, None.
    """
    from streamhooks.masking import MASK

    replaced = {name.lower() for name in wanted}
    merged = {name: MASK for name in present if name.lower() not in replaced}
    merged |= {name: value for name, value in wanted.items() if value}
    return merged or None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r} is not 'NAME: VALUE'", param_hint="--header")
    return name.strip(), value.strip()


def _schedule(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not seconds, separated by commas", param_hint="--retry-schedule"
        ) from None
