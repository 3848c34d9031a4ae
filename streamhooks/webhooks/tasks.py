"""The tasks of the mission: what Sentry does with Celery for its service hooks and its apps' webhooks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from streamhooks.delivery.links import Links
from streamhooks.delivery.outcomes import DeliveryFailed, DeliveryRejected, HookGone
from streamhooks.delivery.payloads import (
    alert_data,
    app_hook_body,
    app_hook_headers,
    resource_change_data,
    resource_name,
    service_hook_body,
    service_hook_headers,
)
from streamhooks.errors import RegistryAway
from streamhooks.masking import shown
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import ALERT_TRIGGERED
from streamhooks.tasks.context import NOTE_FINDING, READ_AGAIN, Running, current
from streamhooks.tasks.retry import RetryTaskError, retry
from streamhooks.tasks.task import Delivery, instrumented_task
from streamhooks.webhooks.asking import ask_of_app, ask_of_change
from streamhooks.webhooks.deliver import Headers

log = logging.getLogger(__name__)

_delivers: Callable[[Any], Any] = retry(on=(DeliveryFailed,), exclude=(DeliveryRejected, HookGone, NotImplementedError))


@instrumented_task(name="streamhooks.process_service_hook", default_retry_delay=300, max_retries=5)
@_delivers
async def process_service_hook(hook_id: str, event: Event | dict[str, Any]) -> None:
    """Send payload v0 of an event to a service hook; an unknown hook is dropped silently.

    Raises:
        NotImplementedError: the hook wants a payload version that there is not.
        DeliveryFailed, DeliveryRejected, HookGone: what came back.

    """
    run = current()
    hook = _hook(run, hook_id)
    if hook is None:
        return
    body = run.services.rendered(event)
    await run.services.deliver(hook, body, service_headers(hook))


@instrumented_task(name="streamhooks.send_alert_event", default_retry_delay=300, max_retries=3)
async def send_alert_event(
    event: Event | dict[str, Any],
    rule: str,
    app_id: str,
    additional_payload_key: str | None = None,
    additional_payload: Any = None,
) -> list[Delivery]:
    """One delivery for each hook of the app in the event's organization that subscribed to `event_alert.triggered`."""
    known = event if isinstance(event, Event) else Event.from_fields(event)
    hooks = current().services.hooks.matching(ask_of_app(known, app_id))
    args = [known, rule, additional_payload_key, additional_payload]
    return [Delivery(send_alert_webhook, hook.id, [hook.id, *args], ALERT_TRIGGERED) for hook in hooks]


@instrumented_task(name="streamhooks.send_alert_webhook", default_retry_delay=300, max_retries=3)
@_delivers
async def send_alert_webhook(
    hook_id: str,
    event: Event | dict[str, Any],
    rule: str,
    additional_payload_key: str | None = None,
    additional_payload: Any = None,
) -> None:
    """Send an alert to one hook of an app."""
    known = event if isinstance(event, Event) else Event.from_fields(event)
    data = alert_data(known, rule, current().services.links, additional_payload_key, additional_payload)
    await _send_app_webhook(hook_id, ALERT_TRIGGERED, data, None)


@instrumented_task(name="streamhooks.process_resource_change", default_retry_delay=300, max_retries=3)
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
    """One delivery for each app hook that subscribed to the change, so that one failing webhook fails alone.

    `only` is the id of a hook that alone gets it, `data` what goes out instead of the resource under its name.

    Raises:
        RetryTaskError: the change ran ahead of its resource.
        TimeoutError: Kafka did not hand the resource over in time.

    """
    services = current().services
    ask = ask_of_change(action, sender, organization_id, project_id)
    hooks = services.hooks.matching(ask)
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
    return [
        Delivery(send_resource_change_webhook, hook.id, [hook.id, ask.event, data, actor], ask.event) for hook in hooks
    ]


@instrumented_task(name="streamhooks.send_resource_change_webhook", default_retry_delay=300, max_retries=3)
@_delivers
async def send_resource_change_webhook(
    hook_id: str, event: str, data: dict[str, Any], actor: dict[str, Any] | None = None
) -> None:
    """Send the change of a resource to one hook of an app."""
    await _send_app_webhook(hook_id, event, data, actor)


@instrumented_task(name=NOTE_FINDING, default_retry_delay=5, max_retries=1000)
@retry
async def note_finding(hook_id: str, what: str, found: dict[str, Any]) -> None:
    """Note, at the hook's home, what a worker found about it: fields of `HookState`."""
    await current().services.note_finding(hook_id, what, found)


@instrumented_task(name=READ_AGAIN, default_retry_delay=300, max_retries=3)
@retry(on=(RetryTaskError, TimeoutError, RegistryAway))
async def read_again(source: str) -> list[Delivery]:
    """One delivery for each hook of a source record that became a dead letter as a whole."""
    deliveries_of = current().services.deliveries_of
    return [] if deliveries_of is None else await deliveries_of(source)


async def _send_app_webhook(hook_id: str, event: str, data: dict[str, Any], actor: dict[str, Any] | None) -> None:
    run = current()
    hook = _hook(run, hook_id)
    if hook is None:
        return
    resource, action = event.split(".", 1)
    await run.services.deliver(hook, app_hook_body(action, hook.id, data, actor), app_headers(hook, resource))


def service_headers(hook: Hook) -> Headers:
    """The headers of a service hook, as `deliver` asks for them."""

    def headers(_webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        return service_hook_headers(hook.id, hook.secret, timestamp, body)

    return headers


def app_headers(hook: Hook, resource: str) -> Headers:
    """The headers of an app hook, as `deliver` asks for them."""

    def headers(webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        return app_hook_headers(resource, hook.secret, timestamp, body, webhook_id.removeprefix("msg_"))

    return headers


def _hook(run: Running, hook_id: str) -> Hook | None:
    """The hook to send to, or None with the reason noted."""
    hook = run.services.hooks.get(hook_id)
    if hook is None:
        run.dropped = "unknown hook"
        return None
    if not run.services.hooks.is_active(hook_id):
        run.dropped = "disabled hook"
        return None
    check_version(hook)
    return hook


def check_version(hook: Hook) -> None:
    """Raise NotImplementedError if the hook wants a payload version that there is not."""
    if hook.version != 0:
        raise NotImplementedError("unsupported payload version")


def rendering(links: Links) -> Callable[[Event | dict[str, Any]], bytes]:
    """A renderer of payload v0 that renders an event once for all of its hooks, since they follow one another."""
    last: Event | dict[str, Any] | None = None
    body = b""

    def rendered(event: Event | dict[str, Any]) -> bytes:
        nonlocal last, body
        if event is not last:
            body = service_hook_body(event if isinstance(event, Event) else Event.from_fields(event), links)
            last = event
        return body

    return rendered
