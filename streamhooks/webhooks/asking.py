"""The app hooks that a fan-out is for, from its arguments; `sources/rules.py` does the same for whole records."""

from __future__ import annotations

from streamhooks.delivery.payloads import change_event
from streamhooks.hooks.matching import Ask
from streamhooks.records.event import Event
from streamhooks.records.hook_events import ALERT_TRIGGERED


def ask_of_app(event: Event, app_id: str) -> Ask:
    """Return what an alert asks of the app that it names."""
    return Ask("app", event.organization_id, (event.project_id,), ALERT_TRIGGERED, app_id)


def ask_of_change(action: str, sender: str, organization_id: str, project_id: str | None) -> Ask:
    """Return what a resource change asks for."""
    projects = () if project_id is None else (project_id,)
    return Ask("app", organization_id, projects, change_event(sender, action))
