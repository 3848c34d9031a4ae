"""What a source record asks for, and whether a hook fits: the rules of docs/reference/what-fires-what.md.

The hooks table finds the hooks of a record by an index. This is the same the other way round, for one hook and any
record: to send what it missed, to replay, and to explain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from streamhooks.delivery.payloads import change_event, resource_change_data, resource_name
from streamhooks.records.call import Resent
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import fires
from streamhooks.records.ids import derived_id
from streamhooks.sources.origin import Origin, call_from
from streamhooks.tasks.call import Call
from streamhooks.webhooks.tasks import (
    process_resource_change,
    process_service_hook,
    send_alert_webhook,
    send_resource_change_webhook,
)

#: the source topics, without the prefix
SOURCES = ("events", "alerts", "resource-changes")

#: projects that are named where a hook does not fit
_NAMED = 20

Source = Event | Alert | ResourceChange


@dataclass(frozen=True, slots=True)
class Asked:
    """Hooks of one kind that a record asks for, and the task call that one of them gets: its task and arguments."""

    app: bool
    organization_id: str
    project_id: str | None
    event: str
    app_id: str | None
    """Of one app alone; None for every app."""
    call: Callable[[str], tuple[str, list[Any]]]


def read_source(kind: str, value: bytes | None) -> Source:
    """The record of a source topic, whose name without the prefix is `kind`.

    Raises:
        BrokenRecord: it can't be read, or is a tombstone.

    """
    if kind == "events":
        return decode(Event, value)
    return decode(Alert, value) if kind == "alerts" else decode(ResourceChange, value)


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
                Asked(
                    True, event.organization_id, event.project_id, "event_alert.triggered", source.app_id,
                    lambda hook_id: (send_alert_webhook.name, [hook_id, *rest]),
                )
            )  # fmt: skip
        return asked
    return _asked_by_change(source)


def _asked_of_service_hooks(event: Event, name: str) -> Asked:
    return Asked(
        False, event.organization_id, event.project_id, name, None,
        lambda hook_id: (process_service_hook.name, [hook_id, event]),
    )  # fmt: skip


def _asked_by_change(change: ResourceChange) -> list[Asked]:
    if change.data is None and change.instance is None and change.sender == "Error":
        return []
    name = resource_name(change.sender)
    event = change_event(change.sender, change.action)

    def call(hook_id: str) -> tuple[str, list[Any]]:
        if change.data is not None or change.instance is not None:
            data = resource_change_data(name, change.instance) if change.data is None else change.data
            return send_resource_change_webhook.name, [hook_id, event, data, change.actor]
        # Its resource may not be there yet: the fan-out waits for it, and then is for this hook alone.
        of_change = [change.action, change.sender, change.instance_id, change.organization_id, change.project_id]
        return process_resource_change.name, [*of_change, None, change.actor, hook_id]

    return [Asked(True, change.organization_id, change.project_id, event, None, call)]


def is_for(hook: Hook, asked: Asked) -> bool:
    """Whether a hook gets what is asked for. Whether it is active is not looked at."""
    return next(reasons_against(hook, asked), None) is None


def reasons_against(hook: Hook, asked: Asked) -> Iterator[str]:
    """Give each reason why a hook does not get what is asked for. Whether it is active is not looked at."""
    if (hook.app_id is not None) != asked.app:
        kinds = ("app hooks", "it is a service hook") if asked.app else ("service hooks", "it is an app hook")
        yield f"{asked.event} is for {kinds[0]}, and {kinds[1]}"
    if hook.organization_id != asked.organization_id:
        yield f"it belongs to organization {hook.organization_id}, the record to {asked.organization_id}"
    if asked.app_id is not None and hook.app_id not in (asked.app_id, None):
        yield f"the record is for app {asked.app_id}, and it belongs to app {hook.app_id}"
    if not fires(hook.events, asked.event):
        yield f"it did not subscribe to {asked.event}"
    if hook.project_ids and asked.project_id not in hook.project_ids:
        projects = "no project" if asked.project_id is None else f"project {asked.project_id}"
        yield f"the record is of {projects}, and it gets those of {_some(hook.project_ids)}"


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:_NAMED]) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")


def call_for(
    hook: Hook, source: Source, origin: Origin, cause: Resent, id_of: str, partitions: tuple[int, int]
) -> Call | None:
    """The call that sends a source record to a hook once more; None if the record does not fire it.

    `cause` is what sends it. `id_of` makes the call another one than that of the first time; its `webhook-id` is the
    same. `partitions` are the hook's of `delayed`, and the number of those.
    """
    asked = next((one for one in asked_by(source) if is_for(hook, one)), None)
    if asked is None:
        return None
    task, args = asked.call(hook.id)
    if task == process_resource_change.name:
        call = call_from(origin, task, origin.partition % partitions[1], args, asked.event)
    else:
        call = call_from(origin, task, partitions[0], args, asked.event, hook.id)
    return again(call, cause, id_of)


def again(call: Call, cause: Resent, id_of: str) -> Call:
    """The call as another one with the same `webhook-id`: what is known of the first one does not concern it."""
    call.id = derived_id(call.webhook_id, id_of)
    call.cause = cause
    return call
