"""The options of `hooks add` and `hooks edit`, and the API fields that they set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import click

from streamhooks.records.hook import CHANGEABLE, FIELDS
from streamhooks.records.value import Kind

JSON = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

#: the fields that `hooks edit --unset` can reset
UNSETTABLE = tuple(name for name in CHANGEABLE if FIELDS[name].value.has_default)

_TYPES: Mapping[Kind, type] = {"number": float, "whole": int}
_REPEATED: Collection[Kind] = ("events", "ids", "headers")


def _options() -> Iterator[Callable[[F], F]]:
    # First what identifies the hook to people, then what it subscribes to.
    for name in dict.fromkeys(("name", "description", "events", "project_ids", *CHANGEABLE)):
        option, kind = FIELDS[name].option, FIELDS[name].value.kind
        if option is not None:
            yield click.option(
                option.flag,
                name,
                metavar=option.metavar,
                help=option.help,
                type=_TYPES.get(kind),
                multiple=kind in _REPEATED,
            )


def field_options(command: F) -> F:
    """Add an option for each field that users may set; `given` reads them."""
    for option in reversed(list(_options())):
        command = option(command)
    return command


def given(options: JSON) -> JSON:
    """Return the API fields of the options that were used; raise click.BadParameter for an invalid value."""
    return {name: _value(name, value) for name, value in options.items() if value not in (None, ())}


def merged_headers(present: Iterable[str], wanted: dict[str, str]) -> dict[str, str] | None:
    """Return custom headers for a PUT, or None if none are left.

    The headers in `present` (names) keep their values; a wanted header without a value is removed.
    """
    from streamhooks.masking import MASK

    replaced = {name.lower() for name in wanted}
    merged = {name: MASK for name in present if name.lower() not in replaced}
    merged |= {name: value for name, value in wanted.items() if value}
    return merged or None


def _value(name: str, given: Any) -> Any:
    match FIELDS[name].value.kind:
        case "events" | "ids":
            return list(given)
        case "headers":
            return dict(map(_header, given))
        case "secret" if given == "-":
            return click.get_text_stream("stdin").readline().rstrip("\r\n")
        case "delays":
            return _schedule(given)
    return given


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
            f"{text!r} is not a list of seconds with commas", param_hint="--retry-schedule"
        ) from None
