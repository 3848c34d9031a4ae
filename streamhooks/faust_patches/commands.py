"""Faust's commands for our two apps, whose records are Avro schemas. Faust expects one app with its own models.

Faust replaces its own command as soon as a class of the same name is defined.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from faust.cli.agents import agents as FaustAgents  # noqa: N812
from faust.cli.model import model as FaustModel  # noqa: N812
from faust.cli.models import models as FaustModels  # noqa: N812
from faust.cli.send import send as FaustSend  # noqa: N812
from faust.cli.tables import tables as FaustTables  # noqa: N812

from streamhooks.errors import BrokenRecord, Refusal
from streamhooks.faust_patches.app import App
from streamhooks.kafka.topics import present_topics
from streamhooks.records.call import DelayedCall
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.firing import Firing
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.records.message import Message
from streamhooks.records.notice import Notice
from streamhooks.records.schemas import load
from streamhooks.records.stretch import Stretch
from streamhooks.settings import load_settings

RECORDS = {
    record.__name__: record
    for record in (
        Alert,
        DeadLetter,
        DelayedCall,
        Event,
        Firing,
        Hook,
        HookState,
        Message,
        Notice,
        ResourceChange,
        Stretch,
    )
}
_PACKAGE = "streamhooks."
#: timeout of the check of the topic before sending, in seconds
_WAIT = 5.0


def _apps(app: App) -> Iterator[App]:
    yield app
    if app.counting is not None:
        yield app.counting


class agents(FaustAgents):  # noqa: N801
    """List agents."""

    def agents(self, *, local: bool = False) -> list[Any]:
        """Return the agents of both apps; each reads one topic."""
        return sorted((agent for app in _apps(self.app) for agent in app.agents.values()), key=lambda one: one.name)

    def agent_to_row(self, agent: Any) -> list[str]:
        """Return the columns of one entry."""
        return [f"@{agent.name}", agent.channel.get_topic_name(), self._help(agent)]


class tables(FaustTables):  # noqa: N801
    """List available tables."""

    headers = ("name", "help")

    async def run(self) -> None:
        """Show the tables of both apps."""
        rows = [(table.name, table.help) for app in _apps(self.app) for table in app.tables.values()]
        self.say(self.tabulate(rows, title=self.title, headers=self.headers))


class models(FaustModels):  # noqa: N801
    """List the records of all topics."""

    def models(self, builtins: bool) -> list[Any]:
        """Return the schemas of the records, and with `builtins` Faust's own models, which no topic uses."""
        return [*load().newest.values(), *(super().models(builtins) if builtins else ())]

    def model_to_row(self, model: Any) -> list[str]:
        """Return the columns of one entry."""
        if isinstance(model, dict):
            return [_short(model["name"]), model["doc"]]
        row: list[str] = super().model_to_row(model)
        return row


class model(FaustModel):  # noqa: N801
    """Show the fields of a record as in JSON, with their Avro types; * marks required fields."""

    headers = ("field", "type", "default", "help")

    def __init__(self, ctx: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(ctx, *args, **kwargs)
        self._name = _record(self, kwargs["name"])

    async def run(self, name: str) -> None:
        """Show the fields of the record."""
        rows = [_row_of(field) for field in load().newest[self._name]["fields"]]
        self.say(self.tabulate(rows, headers=self.headers, title=self._name, wrap_last_row=False))


class send(FaustSend):  # noqa: N801
    """Send a record to @agent or to a topic. With -V Event (any of `models`) it is checked first."""

    def __init__(self, ctx: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(ctx, *args, **kwargs)
        value, of_type = kwargs["value"], kwargs["value_type"]
        if of_type is not None:
            try:
                decode(RECORDS[_record(self, of_type)], None if value is None else value.encode())
            except BrokenRecord as broken:
                raise self.UsageError(str(broken)) from None
        topic = self.to_topic(kwargs["entity"]).get_topic_name()
        try:
            present = present_topics(load_settings(), _WAIT)
        except Refusal as refusal:
            sys.exit(f"streamhooks: {refusal}")
        if topic not in present:
            raise self.UsageError(f"there is no topic {topic}: `streamhooks topics create` creates the topics")

    def to_topic(self, entity: str) -> Any:
        """Return the topic with that name, or the topic of an agent."""
        if not entity.startswith("@"):
            return super().to_topic(entity)
        known = {agent.name: agent for app in _apps(self.app) for agent in app.agents.values()}
        if entity[1:] not in known:
            raise self.UsageError(f"there is no agent {entity}, but {', '.join(f'@{name}' for name in sorted(known))}")
        return known[entity[1:]].channel

    def to_value(self, _type: str | None, value: str) -> bytes:
        """Return the value unchanged, as bytes."""
        return value.encode()


def _record(command: Any, name: str) -> str:
    """Return the name of a record without the package; raise UsageError with a similar name if there is none."""
    name = name.removeprefix(_PACKAGE)
    if name in RECORDS:
        return name
    near = get_close_matches(name, RECORDS, 1)
    text = f"did you mean {near[0]}?" if near else f"there are {', '.join(RECORDS)}"
    raise command.UsageError(f"no model {name!r}: {text}")


def _short(name: str) -> str:
    return name.removeprefix(_PACKAGE)


def _row_of(field: dict[str, Any]) -> list[str]:
    default = _default(field["default"]) if "default" in field else "*"
    return [field["name"], _type(field["type"]), default, field.get("doc", "")]


def _default(value: Any) -> str:
    return "null" if value is None else str(value)


def _type(avro: Any) -> str:
    if isinstance(avro, list):
        *first, last = map(_type, avro)
        return f"{', '.join(first)} or {last}"
    if not isinstance(avro, dict):
        return _short(avro)
    if avro["type"] == "record":
        return f"{_short(avro['name'])} {{{', '.join(field['name'] for field in avro['fields'])}}}"
    inner = avro.get("items") or avro.get("values")
    return f"{avro['type']} of {_type(inner)}" if inner else str(avro["type"])
