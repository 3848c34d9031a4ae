"""The payload of a delivery: its body, and the headers that sign it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from streamhooks.delivery.links import Links
from streamhooks.delivery.message_payloads import BODIES, CONTENT_TYPES
from streamhooks.delivery.outcomes import Attempted, not_sent
from streamhooks.delivery.payloads import FORMATS, alert_data, app_hook_headers, service_hook_headers
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import SENTRY, Format
from streamhooks.records.message import Message

#: returns the headers for a webhook-id, a timestamp in whole epoch seconds and a body
Headers = Callable[[str, int, bytes], dict[str, str]]


class Payload(Struct, frozen=True):
    """A body, and the function that makes its headers."""

    body: bytes
    headers: Headers


class Rendering:
    """Renders the bodies of deliveries, with these links to groups and events."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._last: Event | dict[str, Any] | None = None
        self._version = 0
        self._body = b""
        self._last_message: Message | dict[str, Any] | None = None
        self._bodies: dict[Format, bytes] = {}

    def event(self, event: Event | dict[str, Any], version: int) -> bytes:
        """Return the payload of an event; rendered once for all of its hooks, since they follow one another."""
        if event is not self._last or version != self._version:
            self._body = FORMATS[version].service(_known(event), self._links)
            self._last, self._version = event, version
        return self._body

    def message(self, message: Message | dict[str, Any], format_: Format) -> bytes:
        """Return the body of a message in this format; rendered once for all of its hooks that have it."""
        if message is not self._last_message:
            self._last_message, self._bodies = message, {}
        body = self._bodies.get(format_)
        if body is None:
            known = message if isinstance(message, Message) else Message.from_fields(message)
            body = self._bodies[format_] = BODIES[format_](known)
        return body

    def alert(self, event: Event | dict[str, Any], rule: str, key: str | None, payload: Any) -> dict[str, Any]:
        """Return the `data` of an alert to an app; `key` and `payload` are those of its additional payload."""
        return alert_data(_known(event), rule, self._links, key, payload)


def service_payload(hook: Hook, body: bytes) -> Payload:
    """Return the payload of a service hook."""

    def headers(_webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        return service_hook_headers(hook.id, hook.secret, timestamp, body)

    return Payload(body, headers)


def message_payload(hook: Hook, body: bytes) -> Payload:
    """Return the payload of a message hook."""

    def headers(_webhook_id: str, _timestamp: int, _body: bytes) -> dict[str, str]:
        return {"Content-Type": CONTENT_TYPES[hook.format]}

    return Payload(body, headers)


def app_payload(hook: Hook, event: str, data: Any, actor: dict[str, Any] | None) -> Payload:
    """Return the payload of an app hook; `event` is `<resource>.<action>`."""
    resource, action = event.split(".", 1)
    return Payload(FORMATS[hook.version].app(action, hook.id, data, actor), app_headers(hook, resource))


def app_headers(hook: Hook, resource: str) -> Headers:
    """Return the function that makes the headers of an app hook."""

    def headers(webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        return app_hook_headers(resource, hook.secret, timestamp, body, webhook_id.removeprefix("msg_"))

    return headers


_UNSUPPORTED = not_sent("unsupported payload version")
_FORMERLY_SENTRY = not_sent("it was made for the format sentry, and its hook has another format now")
_SENTRY_NOW = not_sent("it is a message, and its hook has the format sentry now")


def unsupported(hook: Hook, *, of_messages: bool = False) -> Attempted | None:
    """Return the outcome for a hook that wants a payload version that there is not, or now has another format.

    `of_messages` tells whether the payload is that of a message.
    """
    if (hook.format != SENTRY) != of_messages:
        return _FORMERLY_SENTRY if of_messages is False else _SENTRY_NOW
    return None if hook.version in FORMATS else _UNSUPPORTED


def _known(event: Event | dict[str, Any]) -> Event:
    return event if isinstance(event, Event) else Event.from_fields(event)
