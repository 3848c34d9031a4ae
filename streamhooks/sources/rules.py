"""What a source record asks for, and whether a hook fits: the rules of docs/reference/what-fires-what.md.

The hooks table finds the hooks of a record by an index. This is the same the other way round, for one hook and any
record: to send what it missed, to replay, and to explain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from streamhooks.delivery.payloads import resource_change_data, resource_name
from streamhooks.errors import BrokenRecord
from streamhooks.hooks.matching import Ask, matches
from streamhooks.records.call import Resent
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id
from streamhooks.records.notice import Notice
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.origin import Origin, call_from
from streamhooks.tasks.call import Call
from streamhooks.webhooks.asking import ask_of_app, ask_of_change
from streamhooks.webhooks.tasks import (
    process_resource_change,
    process_service_hook,
    send_alert_webhook,
    send_resource_change_webhook,
)

Source = Event | Alert | ResourceChange


class Asked(NamedTuple):
    """Hooks that a record asks for, and the task call that one of them gets: its task and arguments."""

    ask: Ask
    call: Callable[[str], tuple[str, list[Any]]]


def read_source(kind: SourceKind, value: bytes | None) -> Source:
    """The record of a source topic that users write.

    Raises:
        BrokenRecord: it can't be read, or is a tombstone.

    """
    source = kind.read(value)
    if isinstance(source, Notice):
        raise BrokenRecord("it is a notice")
    return source


def asked_by(source: Source) -> list[Asked]:
    """What a record asks for."""
    if isinstance(source, Event):
        return [_asked_of_service_hooks(source, "event.created")]
    if isinstance(source, Alert):
        asked = [_asked_of_service_hooks(source.event, "event.alert")]
        if source.app_id is not None:
            event = source.event
            rest = [event, source.rule, source.additional_payload_key, source.additional_payload]
            asked.append(
                Asked(ask_of_app(event, source.app_id), lambda hook_id: (send_alert_webhook.name, [hook_id, *rest]))
            )
        return asked
    return _asked_by_change(source)


def _asked_of_service_hooks(event: Event, name: str) -> Asked:
    ask = Ask("service", event.organization_id, (event.project_id,), name)
    return Asked(ask, lambda hook_id: (process_service_hook.name, [hook_id, event]))


def _asked_by_change(change: ResourceChange) -> list[Asked]:
    if change.data is None and change.instance is None and change.sender == "Error":
        return []
    name = resource_name(change.sender)
    ask = ask_of_change(change.action, change.sender, change.organization_id, change.project_id)

    def call(hook_id: str) -> tuple[str, list[Any]]:
        if change.data is not None or change.instance is not None:
            data = resource_change_data(name, change.instance) if change.data is None else change.data
            return send_resource_change_webhook.name, [hook_id, ask.event, data, change.actor]
        # Its resource may not be there yet: the fan-out waits for it, and then is for this hook alone.
        of_change = [change.action, change.sender, change.instance_id, change.organization_id, change.project_id]
        return process_resource_change.name, [*of_change, None, change.actor, hook_id]

    return [Asked(ask, call)]


def call_for(
    hook: Hook, source: Source, origin: Origin, cause: Resent, id_of: str, partitions: tuple[int, int]
) -> Call | None:
    """The call that sends a source record to a hook once more; None if the record does not fire it.

    `cause` is what sends it. `id_of` makes the call another one than that of the first time; its `webhook-id` is the
    same. `partitions` are the hook's of `delayed`, and the number of those.
    """
    asked = next((one for one in asked_by(source) if matches(hook, one.ask)), None)
    if asked is None:
        return None
    task, args = asked.call(hook.id)
    if task == process_resource_change.name:
        call = call_from(origin, task, origin.partition % partitions[1], args, asked.ask.event)
    else:
        call = call_from(origin, task, partitions[0], args, asked.ask.event, hook.id)
    return again(call, cause, id_of)


def again(call: Call, cause: Resent, id_of: str) -> Call:
    """The call as another one with the same `webhook-id`: what is known of the first one does not concern it."""
    call.id = derived_id(call.webhook_id, id_of)
    call.cause = cause
    return call
