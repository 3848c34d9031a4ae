"""The source topics: the types of their records, and what they can fire (docs/reference/what-fires-what.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.formats import Registry, decode
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import (
    ALERT_TRIGGERED,
    EVENT_ALERT,
    EVENT_CREATED,
    NOTICED,
    fires,
    kind_of_hook,
)
from streamhooks.records.message import Message
from streamhooks.records.notice import Notice
from streamhooks.sources.messages import read_message

SourceRecord = Event | Alert | ResourceChange | Message | Notice


class SourceKind(StrEnum):
    """A source topic, by its name without the prefix."""

    record: type[SourceRecord]
    """The type of the topic's values."""
    service_events: tuple[str, ...]
    """The events of service hooks that its records fire."""
    app_events: tuple[str, ...] | None
    """The events of app hooks that its records fire; None if each record names its own."""
    types: tuple[str, ...] | None
    """The types that its records have for message hooks; None if each record names its own."""

    def __new__(
        cls,
        name: str,
        record: type[SourceRecord],
        service_events: tuple[str, ...],
        app_events: tuple[str, ...] | None,
        types: tuple[str, ...] | None,
    ) -> Self:
        """Make a kind from its name and its attributes."""
        kind = str.__new__(cls, name)
        kind._value_ = name
        kind.record, kind.service_events, kind.app_events, kind.types = record, service_events, app_events, types
        return kind

    EVENTS = ("events", Event, (EVENT_CREATED,), (), (EVENT_CREATED,))
    ALERTS = ("alerts", Alert, (EVENT_ALERT,), (ALERT_TRIGGERED,), (EVENT_ALERT,))
    RESOURCE_CHANGES = ("resource-changes", ResourceChange, (), None, None)
    MESSAGES = ("messages", Message, (), (), None)
    NOTICES = ("notices", Notice, (), NOTICED, ())

    def topic(self, topics: Topics) -> str:
        """Return the topic's name."""
        return topics.prefix + self

    def read(self, record: Record, registry: Registry | None) -> SourceRecord:
        """Return what a record holds; raise BrokenRecord if it can't be read, or is a tombstone."""
        if self.record is Message:
            return read_message(record, registry)
        return decode(self.record, record.value, registry)

    def can_fire(self, hook: Hook) -> bool:
        """Tell whether its records can fire the hook."""
        kind = kind_of_hook(hook.app_id, hook.format)
        if kind == "message":
            return self.types is None or any(fires(hook.events, type_) for type_ in self.types)
        if kind == "service":
            return any(event in hook.events for event in self.service_events)
        if self.app_events is None:
            return any(event != ALERT_TRIGGERED for event in hook.events)
        return any(fires(hook.events, event) for event in self.app_events)


#: the kinds that users write
OF_USERS: Final = (SourceKind.EVENTS, SourceKind.ALERTS, SourceKind.RESOURCE_CHANGES, SourceKind.MESSAGES)
