"""The rules of docs/reference/what-fires-what.md: whether one hook gets what a record asks for.

The hooks table finds the same hooks by its index (`hooks/index.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import ALERT_TRIGGERED, HookKind, fires, kind_of_hook

_ARTICLES: Final[dict[HookKind, str]] = {"service": "a", "app": "an", "message": "a"}
#: projects that are listed in a reason
_NAMED = 20


class Ask(Struct, frozen=True):
    """What a record asks for: the hooks of one kind that one event fires."""

    hook_kind: HookKind
    organization_id: str
    project_ids: tuple[str, ...]
    """The projects of the record: a hook with projects needs one of them, so if empty, only hooks without match."""
    event: str
    app_id: str | None = None
    """The only app that it is for; None for every app."""


def ask_of_project(event: Event, name: str) -> Ask:
    """Return what an event or an alert, which fires `name`, asks of the service hooks of its project."""
    return Ask("service", event.organization_id, (event.project_id,), name)


def ask_of_app(event: Event, app_id: str) -> Ask:
    """Return what an alert asks of the app that it names."""
    return Ask("app", event.organization_id, (event.project_id,), ALERT_TRIGGERED, app_id)


def ask_of_change(event: str, organization_id: str, project_id: str | None) -> Ask:
    """Return what a resource change asks for; `event` is `<resource>.<action>`."""
    return Ask("app", organization_id, () if project_id is None else (project_id,), event)


def ask_of_messages(type_: str, organization_id: str, project_id: str | None) -> Ask:
    """Return what a message of this type asks for."""
    return Ask("message", organization_id, () if project_id is None else (project_id,), type_)


def narrowed(hooks: Iterable[Hook], ask: Ask) -> list[Hook]:
    """Return those of the hooks that get what is asked for; they match in all that the index of hooks knows."""
    return [hook for hook in hooks if hook.app_id == ask.app_id]


def matches(hook: Hook, ask: Ask) -> bool:
    """Tell whether a hook gets what a record asks for, active or not."""
    return next(reasons_against(hook, ask), None) is None


def reasons_against(hook: Hook, ask: Ask) -> Iterator[str]:
    """Yield each reason why a hook does not get what a record asks for, active or not."""
    kind = kind_of(hook)
    if kind != ask.hook_kind:
        yield f"{ask.event} is for {ask.hook_kind} hooks, and this is {_ARTICLES[kind]} {kind} hook"
    if hook.organization_id != ask.organization_id:
        yield f"it belongs to organization {hook.organization_id}, the record to {ask.organization_id}"
    if ask.app_id is not None and hook.app_id not in (ask.app_id, None):
        yield f"the record is for app {ask.app_id}, and it belongs to app {hook.app_id}"
    if not fires(hook.events, ask.event):
        yield f"it did not subscribe to {ask.event}"
    if hook.project_ids and frozenset(ask.project_ids).isdisjoint(hook.project_ids):
        yield f"the record is of {_projects(ask.project_ids)}, and it gets those of {_some(hook.project_ids)}"


def kind_of(hook: Hook) -> HookKind:
    """Return the kind of a hook: a service hook, an app hook, or a message hook."""
    return kind_of_hook(hook.app_id, hook.format)


def _projects(ids: tuple[str, ...]) -> str:
    if not ids:
        return "no project"
    return f"{'project' if len(ids) == 1 else 'projects'} {_some(ids)}"


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:_NAMED]) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")
