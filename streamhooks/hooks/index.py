"""An index of hooks by their subscriptions, so that the hooks of a record are found without checking each hook.

The cost of a hook, in time and memory, grows with the sum of its events and projects, not with their product.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from streamhooks.hooks.matching import Ask, kind_of, narrowed
from streamhooks.records.bounds import MAX_EVENTS
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import HookKind, names_of

# kind of hook, organization, project or None for hooks of every project, event or None for wide hooks
_Key = tuple[HookKind, str, str | None, str | None]


class Index:
    """Finds exactly the hooks for which `matches` is true."""

    def __init__(self) -> None:
        #: of each key the hooks by id, or the only one: for most it is, and a dict takes as much memory as a hook
        self._entries: dict[_Key, Hook | dict[str, Hook]] = {}
        #: the events of wide hooks
        self._events: dict[str, frozenset[str]] = {}
        #: how many hooks are message hooks
        self.message_hooks = 0

    def add(self, hook: Hook) -> None:
        """Add a hook that is not in the index."""
        self.message_hooks += kind_of(hook) == "message"
        if _is_wide(hook):
            self._events[hook.id] = frozenset(hook.events)
        for key in _keys(hook):
            known = self._entries.setdefault(key, hook)
            if isinstance(known, dict):
                known[hook.id] = hook
            elif known is not hook:
                self._entries[key] = {known.id: known, hook.id: hook}

    def remove(self, hook: Hook) -> None:
        """Remove a hook, as it was when it was added."""
        self.message_hooks -= kind_of(hook) == "message"
        self._events.pop(hook.id, None)
        for key in _keys(hook):
            known = self._entries[key]
            if isinstance(known, dict):
                del known[hook.id]
            if not isinstance(known, dict) or not known:
                del self._entries[key]

    def matching(self, ask: Ask) -> list[Hook]:
        """Return the hooks that match, including disabled ones."""
        kind, organization_id = ask.hook_kind, ask.organization_id
        names = (ask.event,) if kind == "service" else names_of(ask.event)
        # By id: several patterns and projects of a hook may match, but it gets the record once.
        found: dict[str, Hook] = {}
        for project_id in (None, *ask.project_ids):
            for name in names:
                narrow = self._entries.get((kind, organization_id, project_id, name))
                if isinstance(narrow, dict):
                    found.update(narrow)
                elif narrow is not None:
                    found[narrow.id] = narrow
            wide = self._entries.get((kind, organization_id, project_id, None)) if self._events else None
            if wide is not None:
                found.update((one.id, one) for one in _those(wide) if not self._events[one.id].isdisjoint(names))
        return list(found.values()) if ask.app_id is None else narrowed(found.values(), ask)

    def __len__(self) -> int:
        """Return the number of entries, in time that grows with the number of keys."""
        return sum(len(_those(known)) for known in self._entries.values()) + len(self._events)


def _is_wide(hook: Hook) -> bool:
    """Tell whether one entry per pair of project and event would be more than one per project plus one per event.

    Such a hook has one entry per project, and each look-up in one of its projects checks its events.
    """
    events, projects = len(hook.events), len(hook.project_ids)
    return events * projects > events + projects or events > MAX_EVENTS


def _those(known: Hook | dict[str, Hook]) -> Collection[Hook]:
    return known.values() if isinstance(known, dict) else (known,)


def _keys(hook: Hook) -> Iterator[_Key]:
    kind, events = kind_of(hook), (None,) if _is_wide(hook) else hook.events
    for project_id in hook.project_ids or (None,):
        for event in events:
            yield kind, hook.organization_id, project_id, event
