"""What a source record asks for: the rules of docs/reference/what-fires-what.md.

`hooks/matching.py` decides whether a hook gets it; the hooks table finds all these hooks. `sources/calls.py` makes what
they get.
"""

from __future__ import annotations

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.matching import Ask
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.formats import Registry
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import EVENT_ALERT, EVENT_CREATED, EVERYTHING, NOTICES
from streamhooks.records.notice import Notice
from streamhooks.sources.kinds import OF_USERS, SourceKind
from streamhooks.sources.notices import HookNotice
from streamhooks.webhooks.asking import ask_of_app, ask_of_change

UserRecord = Event | Alert | ResourceChange
Source = UserRecord | HookNotice


def read_source(kind: SourceKind | None, value: bytes | None, registry: Registry | None) -> UserRecord:
    """Return a record that users write; `registry` knows the schemas of those in the wire format.

    Raises:
        BrokenRecord: it can't be read, is a tombstone, or belongs to another topic.

    """
    source = None if kind is None else kind.read(value, registry)
    if source is None or isinstance(source, Notice):
        raise BrokenRecord(f"it is not a record of {', '.join(OF_USERS)}")
    return source


def asks(source: Source) -> tuple[Ask, ...]:
    """Return what a record asks for."""
    if isinstance(source, Event):
        return (_ask_of_project(source, EVENT_CREATED),)
    if isinstance(source, Alert):
        of_project = _ask_of_project(source.event, EVENT_ALERT)
        return (of_project,) if source.app_id is None else (of_project, ask_of_app(source.event, source.app_id))
    if isinstance(source, HookNotice):
        return _asks_of_notice(source.notice, source.about)
    if source.data is None and source.instance is None and source.sender == "Error":
        return ()  # as in Sentry
    return (ask_of_change(source.action, source.sender, source.organization_id, source.project_id),)


def duplicate_key(source: Source) -> tuple[str, ...]:
    """Return the key that is equal for duplicates of a record; empty if the record can't have duplicates."""
    if isinstance(source, Event):
        return (source.event_id,)
    if isinstance(source, Alert):
        return (source.event.event_id, source.rule, source.app_id or "")
    return ()


def _ask_of_project(event: Event, name: str) -> Ask:
    return Ask("service", event.organization_id, (event.project_id,), name)


def _asks_of_notice(notice: Notice, about: Hook | None) -> tuple[Ask, ...]:
    # Two hooks whose endpoints fail could cause notices about each other endlessly.
    if about is None or any(event == EVERYTHING or event.startswith(f"{NOTICES}.") for event in about.events):
        return ()
    return (Ask("app", about.organization_id, about.project_ids, f"{NOTICES}.{notice.what}"),)
