"""The events that a hook may subscribe to, and which of them a record fires (docs/reference/hooks.md).

Filters choose among them by content: docs/decisions/0020-filters.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, Literal, get_args

from streamhooks.errors import BrokenRecord
from streamhooks.records.notice import AboutHook

HookKind = Literal["service", "app", "message"]
"""Service hooks and the hooks of apps get the payloads of Sentry, message hooks those of another format."""

Format = Literal["sentry", "standard", "cloudevents", "data"]
"""The format of a hook's payloads (docs/reference/payloads.md)."""

SENTRY: Final = "sentry"
OF_MESSAGES: Final[tuple[Format, ...]] = ("standard", "cloudevents", "data")

EVENT_ALERT: Final = "event.alert"
EVENT_CREATED: Final = "event.created"
SERVICE_EVENTS: Final = (EVENT_ALERT, EVENT_CREATED)
#: the event of the hooks of an app that an alert names
ALERT_TRIGGERED: Final = "event_alert.triggered"
APP_RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "issue": ("assigned", "archived", "created", "ignored", "resolved", "unresolved"),
    "error": ("created",),
    "comment": ("created", "deleted", "updated"),
    "event_alert": ("triggered",),
}
EVERYTHING: Final = "*"
#: the resource of notices about hooks; below it their actions (docs/running.md, notices)
NOTICES: Final = "hook"
_NOTICED: Final[tuple[str, ...]] = get_args(AboutHook)
#: the events of notices about hooks
NOTICED: Final = tuple(f"{NOTICES}.{what}" for what in _NOTICED)

#: characters of the type of a message
LONGEST_TYPE: Final = 200
_TYPE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_APP_EVENT = re.compile(r"([a-z0-9_-]{1,100})\.([a-z0-9_-]{1,100}|\*)")


def expand_events(events: Iterable[str], app: bool) -> tuple[str, ...]:
    """Return the events that a hook subscribes to, in lower case, sorted and without duplicates.

    `app` means an app hook: a known resource without an action becomes its known actions; `<resource>.*` and `*` stay.
    Raise BrokenRecord for a name that this kind of hook can't have.
    """
    expanded: set[str] = set()
    for name in events:
        if not isinstance(name, str):
            raise BrokenRecord("events: must be a list of texts")
        expanded.update(_expand_app_event(name.lower()) if app else _check_service_event(name))
    return tuple(sorted(expanded))


def expand_types(types: Iterable[str]) -> tuple[str, ...]:
    """Return the types and patterns that a message hook subscribes to, sorted and without duplicates.

    Raise BrokenRecord for what is neither a type, nor `<type>.*`, nor `*`.
    """
    expanded = set()
    for name in types:
        if not isinstance(name, str):
            raise BrokenRecord("events: must be a list of texts")
        if name != EVERYTHING and not is_type(name.removesuffix(".*")):
            raise BrokenRecord(f"events: {name[:100]!r} is not a type, such as order.paid, order.* or *")
        expanded.add(name)
    return tuple(sorted(expanded))


def is_type(name: str) -> bool:
    """Tell whether this may be the type of a message: segments of letters, digits, `_` and `-`, with dots between."""
    return len(name) <= LONGEST_TYPE and _TYPE.fullmatch(name) is not None


def sample_type(event: str) -> str:
    """Return a type, not a pattern, that fires a message hook with this subscription."""
    return "order.paid" if event == EVERYTHING else event.removesuffix("*") + "sample" * event.endswith("*")


def kind_of_hook(app_id: str | None, format_: str) -> HookKind:
    """Return the kind of a hook of this app, if any, and with payloads of this format."""
    if format_ != SENTRY:
        return "message"
    return "service" if app_id is None else "app"


def names_of(event: str) -> tuple[str, ...]:
    """Return the subscriptions that an event fires: the event itself, and the pattern of all below each of its dots."""
    names = [event]
    at = event.rfind(".")
    while at >= 0:
        names.append(f"{event[:at]}.*")
        at = event.rfind(".", 0, at)
    return (*names, EVERYTHING)


def fires(events: Collection[str], event: str) -> bool:
    """Tell whether `event` fires a hook with these events."""
    return any(name in events for name in names_of(event))


def never_fire(events: Iterable[str]) -> list[str]:
    """Return the events of service hooks among those of an app hook: there they never fire."""
    return [name for name in events if name.startswith("event.")]


def warnings_about(events: Iterable[str]) -> Iterator[str]:
    """Yield a text for each event of an app hook that may be a mistake: an unknown action of a known resource."""
    for name in events:
        resource, _, action = name.partition(".")
        known = APP_RESOURCES.get(resource)
        if known is not None and action not in (*known, EVERYTHING):
            yield f"{name}: {resource} usually has the actions {', '.join(known)}"


def sample_of(event: str) -> str:
    """Return an event, not a pattern, that fires a hook with this subscription."""
    if event == EVERYTHING:
        return "issue.created"
    return singles_of(event)[0]


def singles_of(event: str) -> tuple[str, ...]:
    """Return the known events, not patterns, that fire a hook with this subscription."""
    resource, _, action = event.partition(".")
    if event == EVERYTHING:
        return tuple(
            f"{name}.{one}" for name, actions in (*APP_RESOURCES.items(), (NOTICES, _NOTICED)) for one in actions
        )
    if action != EVERYTHING:
        return (event,)
    actions = _NOTICED if resource == NOTICES else APP_RESOURCES.get(resource, ("created",))
    return tuple(f"{resource}.{one}" for one in actions)


_OF_MESSAGES: Final = f"; for types of messages, its format must be {', '.join(OF_MESSAGES[:-1])} or {OF_MESSAGES[-1]}"


def _check_service_event(name: str) -> tuple[str, ...]:
    if name not in SERVICE_EVENTS:
        raise BrokenRecord(f"events: {name[:100]!r} is not an event of a service hook{_OF_MESSAGES}")
    return (name,)


def _expand_app_event(name: str) -> tuple[str, ...]:
    if name in APP_RESOURCES:
        return tuple(f"{name}.{action}" for action in APP_RESOURCES[name])
    if name != EVERYTHING and not _APP_EVENT.fullmatch(name):
        raise BrokenRecord(f"events: {name[:100]!r} is not an event of an app hook{_OF_MESSAGES}")
    return (name,)
