"""The options from which `streamhooks send` makes one record, without a file."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, TypeVar

import click

from streamhooks.records.exact_json import dumps, loads

JSON = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


class JsonValue(click.ParamType):
    """A JSON value."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value that the text holds."""
        try:
            return loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            self.fail(f"{value!r} is not JSON: {error.msg}", param, ctx)


_JSON = JsonValue()
_ORGANIZATION = click.option("--organization", metavar="ID[:SLUG]", help="The organization. Required without FILE.")
_EVENT = (
    _ORGANIZATION,
    click.option("--project", metavar="ID[:SLUG]", help="The project. Required without FILE."),
    click.option("--group", metavar="ID", help="The issue; default: none."),
    click.option("--type", metavar="TEXT", help="Type of the event; default: error."),
    click.option("--event-id", metavar="HEX", help="Id of the event; default: a new one."),
    click.option("--data", type=_JSON, help="An object with any content."),
    click.option("--message", metavar="TEXT", help="Short for --data '{\"message\": TEXT}'."),
)
_ALERT = (
    click.option("--rule", metavar="TEXT", help="The rule that fired. Required without FILE."),
    click.option("--app", metavar="ID", help="The app to notify."),
    click.option("--payload", nargs=2, type=(str, _JSON), metavar="KEY JSON", help="An additional payload."),
)
_CHANGE = (
    _ORGANIZATION,
    click.option("--project", metavar="ID", help="The project; default: the whole organization."),
    click.option(
        "--sender", metavar="NAME", help="Kind of resource: Group (an issue), Error, Comment, … Required without FILE."
    ),
    click.option("--action", metavar="NAME", help="What happened: created, resolved, … Required without FILE."),
    click.option("--instance-id", metavar="ID", help="Id of the resource. Required without FILE."),
    click.option("--instance", type=_JSON, help="The resource, an object."),
    click.option("--actor", type=_JSON, help="Who made the change, an object."),
)
_MESSAGE = (
    click.option("--type", metavar="TYPE", help="Such as order.paid. Required without FILE."),
    click.option("--organization", metavar="ID", help="The organization. Required without FILE."),
    click.option("--project", metavar="ID", help="The project; default: the whole organization."),
    click.option("--id", metavar="ID", help="Your own id of what happened; default: none."),
    click.option("--data", type=_JSON, help="Any JSON value; default: null."),
)

#: the parameter names of all these options
NAMES = frozenset(
    {
        "organization", "project", "group", "type", "event_id", "data", "message",
        "rule", "app", "payload",
        "sender", "action", "instance_id", "instance", "actor",
        "id",
    }
)  # fmt: skip


def _adding(options: tuple[Callable[[Any], Any], ...]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


of_event = _adding(_EVENT)
of_alert = _adding(_ALERT)
of_change = _adding(_CHANGE)
of_message = _adding(_MESSAGE)


def event(options: JSON) -> JSON:
    """Return an Event that happened now; raise click.UsageError for a missing option."""
    _need(options, "organization", "project")
    project_id, slug = _id_and_slug(options["project"], "project")
    group = options.get("group")
    data = options.get("data", {})
    if "message" in options:
        data = {**(data if isinstance(data, dict) else {}), "message": options["message"]}
    return {
        "event_id": options.get("event_id") or secrets.token_hex(16),
        "type": options.get("type", "error"),
        "datetime": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "organization": _organization(options),
        "project": {"id": project_id, "slug": slug, "name": slug},
        "group": None if group is None else {"id": group},
        "data": data,
    }


def alert(options: JSON) -> JSON:
    """Return an Alert for an event that happened now; raise as `event` does."""
    _need(options, "organization", "project", "rule")
    key, payload = options.get("payload") or (None, None)
    return {
        "event": event(options),
        "rule": options["rule"],
        "app_id": options.get("app"),
        "additional_payload_key": key,
        "additional_payload": payload,
    }


def change(options: JSON) -> JSON:
    """Return a ResourceChange; raise as `event` does."""
    _need(options, "organization", "sender", "action", "instance_id")
    names = ("action", "sender", "instance_id", "instance", "actor")
    return {
        **{name: options.get(name) for name in names},
        "organization": _organization(options),
        "project_id": options.get("project"),
    }


def message(options: JSON) -> JSON:
    """Return a Message; raise as `event` does."""
    _need(options, "type", "organization")
    names = {"type": "type", "organization": "organization_id", "project": "project_id", "id": "id"}
    fields = {field: options[name] for name, field in names.items() if name in options}
    return {**fields, "data": options.get("data")}


def document(record: JSON) -> IO[bytes]:
    """Return a file with this one record."""
    return io.BytesIO(dumps(record))


def _need(options: JSON, *names: str) -> None:
    if missing := [f"--{name.replace('_', '-')}" for name in names if name not in options]:
        raise click.UsageError(f"without FILE, give {' and '.join(missing)}")


def _organization(options: JSON) -> JSON:
    identifier, slug = _id_and_slug(options["organization"], "organization")
    return {"id": identifier, "slug": slug}


def _id_and_slug(text: str, name: str) -> tuple[str, str]:
    identifier, _, slug = text.partition(":")
    return identifier, slug or f"{name}-{identifier}"
