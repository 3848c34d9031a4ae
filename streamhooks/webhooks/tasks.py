"""The built-in tasks: what Sentry does with Celery for its service hooks and the webhooks of its apps."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamhooks.delivery.payloads import change_event, resource_change_data, resource_name
from streamhooks.errors import RegistryAway
from streamhooks.hooks.matching import ask_of_app, ask_of_change, ask_of_messages
from streamhooks.masking import shown
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import ALERT_TRIGGERED, SENTRY
from streamhooks.records.message import Message
from streamhooks.tasks.context import NOTE_FINDING, READ_AGAIN, current
from streamhooks.tasks.retry import RetryTaskError, retry
from streamhooks.tasks.task import Delivery, FanOut, fan_out, instrumented_task, registry
from streamhooks.webhooks.rendering import Payload, Rendering, app_payload, message_payload, service_payload

log = logging.getLogger(__name__)

Render = Callable[..., Payload]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DeliveryTask(FanOut):
    """A task that sends the payload `render(rendering, hook, *args)` to a hook; `args` follow the hook's id.

    A call without a hook is a fan-out with one delivery.
    """

    render: Render
    of_messages: bool = False
    """Whether the payload is that of a message, for hooks whose format is not that of Sentry."""


def delivery(
    name: str, event: str = "", max_retries: int = 3, *, of_messages: bool = False
) -> Callable[[Render], DeliveryTask]:
    """Make a delivery task from a function that renders; `event` is for calls without a hook that name no event."""

    def decorate(render: Render) -> DeliveryTask:
        signature = inspect.signature(render)

        async def deliver_to(hook_id: str, *args: Any, **kwargs: Any) -> list[Delivery]:
            bound = signature.bind(None, hook_id, *args, **kwargs)
            if not isinstance(hook_id, str):
                raise TypeError("the id of a hook is a string")
            named = bound.arguments.get("event")
            return [Delivery(name, hook_id, bound.args[1:], named if isinstance(named, str) else event)]

        made = DeliveryTask(name, deliver_to, max_retries=max_retries, render=render, of_messages=of_messages)
        registry[name] = made
        return made

    return decorate


@delivery("streamhooks.process_service_hook", "event.created", max_retries=5)
def process_service_hook(rendering: Rendering, hook: Hook, event: Event | dict[str, Any]) -> Payload:
    """Render an event for a service hook."""
    return service_payload(hook, rendering.event(event, hook.version))


@delivery("streamhooks.process_message", max_retries=5, of_messages=True)
def process_message(rendering: Rendering, hook: Hook, message: Message | dict[str, Any]) -> Payload:
    """Render a message for a hook, in the format that it has now."""
    return message_payload(hook, rendering.message(message, hook.format))


@fan_out("streamhooks.send_alert_event")
async def send_alert_event(
    event: Event | dict[str, Any],
    rule: str,
    app_id: str,
    additional_payload_key: str | None = None,
    additional_payload: Any = None,
) -> list[Delivery]:
    """Return one delivery for each hook of the app that the alert fires."""
    known = event if isinstance(event, Event) else Event.from_fields(event)
    hooks = current().services.hooks.matching(ask_of_app(known, app_id))
    args = [known, rule, additional_payload_key, additional_payload]
    return [Delivery(send_alert_webhook.name, hook.id, [hook.id, *args], ALERT_TRIGGERED) for hook in hooks]


@delivery("streamhooks.send_alert_webhook", ALERT_TRIGGERED)
def send_alert_webhook(
    rendering: Rendering,
    hook: Hook,
    event: Event | dict[str, Any],
    rule: str,
    additional_payload_key: str | None = None,
    additional_payload: Any = None,
) -> Payload:
    """Render an alert for one hook of an app."""
    data = rendering.alert(event, rule, additional_payload_key, additional_payload)
    return app_payload(hook, ALERT_TRIGGERED, data, None)


@fan_out("streamhooks.process_resource_change")
@retry(on=(RetryTaskError, TimeoutError))
async def process_resource_change(
    action: str,
    sender: str,
    instance_id: str,
    organization_id: str,
    project_id: str | None = None,
    instance: dict[str, Any] | None = None,
    actor: dict[str, Any] | None = None,
    only: str | None = None,
    data: dict[str, Any] | None = None,
) -> list[Delivery]:
    """Return one delivery for each app hook that the change fires, so that one failing webhook fails alone.

    If given, `only` is the id of the one hook that gets it, and `data` is sent instead of the resource under its name.
    If its resource is looked up here, the message hooks get it from here, too.

    Raises:
        RetryTaskError: the change arrived before its resource.
        TimeoutError: Kafka did not return the resource in time.

    """
    services, call = current().services, current().call
    ask = ask_of_change(change_event(sender, action), organization_id, project_id)
    hooks = services.hooks.matching(ask)
    if data is None and instance is None:
        hooks += services.hooks.matching(ask_of_messages(ask.event, organization_id, project_id))
    if only is not None:
        hooks = [hook for hook in hooks if hook.id == only]
    if data is None and instance is None and sender == "Error":
        log.error(
            "process_resource_change.event_missing_event sender=%s action=%s event_id=%s",
            shown(sender), shown(action), shown(instance_id),
            extra={"sender": shown(sender), "action": shown(action), "event_id": shown(instance_id)},
        )  # fmt: skip
        return []
    if not hooks:
        return []
    if data is None:
        if instance is None:
            instance = await services.find_resource(sender, instance_id)
        if instance is None:
            raise RetryTaskError(f"the resource {shown(sender)}:{shown(instance_id)} is not there yet")
        data = resource_change_data(resource_name(sender), instance)
    # What it is for message hooks: the record's own time is not known here.
    message = Message(ask.event, organization_id, data, project_id, call.webhook_id, call.created / 1000)
    return [
        Delivery(process_message.name, hook.id, [hook.id, message], ask.event)
        if hook.format != SENTRY
        else Delivery(send_resource_change_webhook.name, hook.id, [hook.id, ask.event, data, actor], ask.event)
        for hook in hooks
    ]


@delivery("streamhooks.send_resource_change_webhook")
def send_resource_change_webhook(
    _rendering: Rendering, hook: Hook, event: str, data: dict[str, Any], actor: dict[str, Any] | None = None
) -> Payload:
    """Render a resource change for one hook of an app."""
    return app_payload(hook, event, data, actor)


@instrumented_task(name=NOTE_FINDING, default_retry_delay=5, max_retries=1000)
@retry
async def note_finding(hook_id: str, what: str, found: dict[str, Any]) -> None:
    """Record on the hook's owner what a worker observed: `found` are fields of `HookState`."""
    await current().services.note_finding(hook_id, what, found)


@fan_out(READ_AGAIN)
@retry(on=(RetryTaskError, TimeoutError, RegistryAway))
async def read_again(source: str) -> list[Delivery]:
    """Return one delivery for each hook of a source record that became a dead letter as a whole."""
    deliveries_of = current().services.deliveries_of
    return [] if deliveries_of is None else await deliveries_of(source)
