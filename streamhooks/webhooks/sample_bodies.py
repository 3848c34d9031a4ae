"""The events that a hook can be tested with, and the body of each."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from streamhooks.delivery.links import Links
from streamhooks.delivery.message_payloads import BODIES
from streamhooks.delivery.payloads import FORMATS, alert_data, resource_change_data
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import (
    EVERYTHING,
    NOTICES,
    SENTRY,
    fires,
    is_type,
    never_fire,
    sample_of,
    sample_type,
    singles_of,
)
from streamhooks.records.message import Message
from streamhooks.times import iso

_SINGLE = re.compile(r"[a-z0-9_-]{1,100}\.[a-z0-9_-]{1,100}")


def events_of(hook: Hook) -> list[str]:
    """Return the events that a hook can be tested with; for patterns, the known events that match."""
    if hook.format != SENTRY:
        return sorted({sample_type(event) for event in hook.events})
    return sorted({single for event in _firing(hook) for single in singles_of(event)}) or [_usual(hook)]


def usual_event(hook: Hook) -> str:
    """Return the default event of a test: the first that the hook subscribed to."""
    if hook.format != SENTRY:
        return next(map(sample_type, hook.events), sample_type(EVERYTHING))
    return next(map(sample_of, _firing(hook)), _usual(hook))


def can_get(hook: Hook, event: str) -> bool:
    """Tell whether this event, not a pattern, can fire the hook."""
    if hook.format != SENTRY:
        return is_type(event) and fires(hook.events, event)
    return event in events_of(hook) or bool(_SINGLE.fullmatch(event) and fires(_firing(hook), event))


def sample_body(hook: Hook, event: str, links: Links, now: float) -> bytes:
    """Return what goes out for a made-up event of this name; `now` is epoch seconds."""
    if hook.format != SENTRY:
        return BODIES[hook.format](_message(hook, event, now))
    made = FORMATS.get(hook.version, FORMATS[0])  # of a version that there is not, nothing is sent
    if hook.app_id is None:
        return made.service(_made_up(hook, now), links)
    resource, action = event.split(".", 1)
    if resource == "event_alert":
        data = alert_data(_made_up(hook, now), "A sample rule", links)
    else:
        data = resource_change_data(resource, _about_a_hook(hook, action, now) if resource == NOTICES else _RESOURCE)
    return made.app(action, hook.id, data, None)


def _message(hook: Hook, type_: str, now: float) -> Message:
    project = hook.project_ids[0] if hook.project_ids else None
    return Message(type_, hook.organization_id, {"sample": True}, project, uuid4().hex, now)


_RESOURCE = {"id": "1", "title": "A sample"}


def _usual(hook: Hook) -> str:
    return "event.created" if hook.app_id is None else "issue.created"


def _firing(hook: Hook) -> list[str]:
    """Return the hook's events that can fire it."""
    idle = never_fire(hook.events) if hook.app_id is not None else []
    return [event for event in hook.events if event not in idle]


def _made_up(hook: Hook, now: float) -> Event:
    project = hook.project_ids[0] if hook.project_ids else "1"
    return Event.from_fields(
        {
            "event_id": uuid4().hex,
            "type": "default",
            "datetime": now,
            "organization": {"id": hook.organization_id, "slug": "sample"},
            "project": {"id": project, "slug": "sample", "name": "Sample"},
            "group": {"id": "1", "title": "A sample"},
            "data": {"message": "This is a sample of streamhooks."},
        }
    )


def _about_a_hook(hook: Hook, action: str, now: float) -> dict[str, Any]:
    return {
        "id": "0" * 32,
        "organization_id": hook.organization_id,
        "project_ids": [],
        "app_id": None,
        "name": "A sample",
        "url": "https://example.com/hook",
        "events": ["event.created"],
        "why": f"a sample of {NOTICES}.{action}",
        "since": iso(now),
        "at": iso(now),
    }
