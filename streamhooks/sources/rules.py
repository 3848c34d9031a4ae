"""What a source record asks for, and what its hooks get: the rules of docs/reference/what-fires-what.md.

`hooks/matching.py` decides whether a hook gets it; the hooks table finds all these hooks. `sources/calls.py` makes the
calls.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from streamhooks.delivery.payloads import change_event, resource_change_data, resource_name
from streamhooks.errors import BrokenRecord
from streamhooks.hooks.matching import Ask, ask_of_app, ask_of_change, ask_of_messages, ask_of_project
from streamhooks.kafka.reader import Record
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.formats import Registry
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import ALERT_TRIGGERED, EVENT_ALERT, EVENT_CREATED, EVERYTHING, NOTICES
from streamhooks.records.message import Message
from streamhooks.records.notice import Notice
from streamhooks.sources.kinds import OF_USERS
from streamhooks.sources.messages import message_of, sent_message
from streamhooks.sources.notices import HookNotice, notice_data
from streamhooks.sources.topics import SourceTopic
from streamhooks.webhooks.tasks import (
    process_message,
    process_resource_change,
    process_service_hook,
    send_alert_event,
    send_alert_webhook,
    send_resource_change_webhook,
)

UserRecord = Event | Alert | ResourceChange | Message
Source = UserRecord | HookNotice

DeliveryParts = tuple[str, list[Any]]
"""What each hook of an ask gets: a task, and its arguments after the hook's id."""


class FanOutParts(NamedTuple):
    """A task that finds its hooks when it runs, its arguments, and the event."""

    task: str
    args: list[Any]
    event: str
    finds_all: bool = False
    """Whether it finds all hooks of the record, not only those of apps."""


def read_source(topic: SourceTopic | None, record: Record, registry: Registry | None) -> UserRecord | None:
    """Return a record that users write, None if its topic's `when` is false; `registry` knows schemas.

    Raises:
        BrokenRecord: it can't be read, is a tombstone, or belongs to another topic.

    """
    source = None if topic is None else topic.read(record, registry)
    if topic is None or isinstance(source, Notice):
        raise BrokenRecord(f"it is not a record of {', '.join(OF_USERS)}")
    return source


def asks(source: Source, *, of_messages: bool = True) -> tuple[Ask, ...]:
    """Return what a record asks for; where there is no message hook, an event need not ask for them."""
    if isinstance(source, Event):
        of_project = ask_of_project(source, EVENT_CREATED)
        return (of_project, _ask_of_messages(source, EVENT_CREATED)) if of_messages else (of_project,)
    if isinstance(source, Message):
        return (ask_of_messages(source.type, source.organization_id, source.project_id),)
    if isinstance(source, Alert):
        of_all = ask_of_project(source.event, EVENT_ALERT), _ask_of_messages(source.event, EVENT_ALERT)
        return of_all if source.app_id is None else (*of_all, ask_of_app(source.event, source.app_id))
    if isinstance(source, HookNotice):
        return _asks_of_notice(source.notice, source.about)
    if source.data is None and source.instance is None and source.sender == "Error":
        return ()  # as in Sentry
    event = change_event(source.sender, source.action)
    return (
        ask_of_change(event, source.organization_id, source.project_id),
        ask_of_messages(event, source.organization_id, source.project_id),
    )


def _ask_of_messages(event: Event, type_: str) -> Ask:
    return ask_of_messages(type_, event.organization_id, event.project_id)


def duplicate_key(source: Source) -> tuple[str, ...]:
    """Return the key that is equal for duplicates of a record; empty if the record can't have duplicates."""
    if isinstance(source, Event):
        return (source.event_id,)
    if isinstance(source, Alert):
        return (source.event.event_id, source.rule, source.app_id or "")
    if isinstance(source, Message) and source.id is not None:
        return (source.organization_id, source.type, source.id)
    return ()


def delivery_of(source: Source, ask: Ask, record: Record) -> DeliveryParts | None:
    """Return what each hook of an ask gets for a record; None for a change whose resource must be looked up."""
    if ask.hook_kind == "message" and not isinstance(source, HookNotice):
        message = message_of(source)
        return None if message is None else (process_message.name, [sent_message(message, record)])
    if isinstance(source, Event):
        return process_service_hook.name, [source]
    if isinstance(source, Message):
        return None
    if isinstance(source, Alert):
        event = source.event
        if ask.hook_kind == "service":
            return process_service_hook.name, [event]
        extra = [source.additional_payload_key, source.additional_payload]
        return send_alert_webhook.name, [event, source.rule, *extra]
    if isinstance(source, HookNotice):
        notice, about = source
        data = {} if about is None else notice_data(notice, about)
        return send_resource_change_webhook.name, [ask.event, data, None]
    if source.data is None and source.instance is None:
        return None
    data = resource_change_data(resource_name(source.sender), source.instance) if source.data is None else source.data
    return send_resource_change_webhook.name, [ask.event, data, source.actor]


def fan_out_of(source: Source, only: str | None = None) -> FanOutParts | None:
    """Return the task that finds the app hooks when it runs (if given, `only` this hook); None if none is needed."""
    if isinstance(source, (Event, Message, HookNotice)):
        return None
    if isinstance(source, Alert):
        if source.app_id is None:
            return None
        extra = [source.additional_payload_key, source.additional_payload]
        args = [source.event, source.rule, source.app_id, *extra]
        return FanOutParts(send_alert_event.name, args, ALERT_TRIGGERED)
    change = [source.action, source.sender, source.instance_id, source.organization_id, source.project_id]
    args = [*change, source.instance, source.actor]
    if source.data is not None:
        args += [only, source.data]
    elif only is not None:
        args.append(only)
    event = change_event(source.sender, source.action)
    return FanOutParts(process_resource_change.name, args, event, finds_all=True)


def _asks_of_notice(notice: Notice, about: Hook | None) -> tuple[Ask, ...]:
    # Two hooks whose endpoints fail could cause notices about each other endlessly.
    if about is None or any(event == EVERYTHING or event.startswith(f"{NOTICES}.") for event in about.events):
        return ()
    return (Ask("app", about.organization_id, about.project_ids, f"{NOTICES}.{notice.what}"),)
