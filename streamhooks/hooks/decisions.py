"""The decisions about missed records: a missed record follows the first decision made after it was missed."""

from __future__ import annotations

from bisect import bisect_right

from streamhooks.records.hook import Hook

#: decisions that are remembered per hook
REMEMBERED = 20


class Decisions:
    """The last decisions of each hook, from the records of `hooks`."""

    def __init__(self) -> None:
        self._of_hooks: dict[str, list[tuple[float, str]]] = {}

    def note(self, hook_id: str, hook: Hook | None) -> None:
        """Record the desired state of a hook; None if it was deleted."""
        if hook is None:
            self._of_hooks.pop(hook_id, None)
        else:
            known = self._of_hooks.setdefault(hook_id, [])
            if not known or known[-1][0] < hook.resumed_at:
                # Without a decision, missed records are sent.
                known.append((hook.resumed_at, hook.resume or "all"))
                del known[:-REMEMBERED]

    def first(self, hook_id: str, after: float) -> str | None:
        """Return the first decision after this time (epoch seconds), or None."""
        known = self._of_hooks.get(hook_id, [])
        place = bisect_right(known, after, key=lambda one: one[0])
        return known[place][1] if place < len(known) else None
