"""What was decided about what hooks missed: the first decision after it was passed over decides about a record."""

from __future__ import annotations

from bisect import bisect_right

from streamhooks.records.hook import Hook

#: of how many decisions of a hook it is remembered when they were made
REMEMBERED = 20


class Decisions:
    """The last decisions of each hook, as the records of `hooks` tell them."""

    def __init__(self) -> None:
        self._of_hooks: dict[str, list[tuple[float, str]]] = {}

    def note(self, hook_id: str, hook: Hook | None) -> None:
        """Take in a hook as wished; None if it is deleted."""
        if hook is None:
            self._of_hooks.pop(hook_id, None)
        else:
            known = self._of_hooks.setdefault(hook_id, [])
            if not known or known[-1][0] < hook.resumed_at:
                # Where nobody said what is to become of it, it is sent.
                known.append((hook.resumed_at, hook.resume or "all"))
                del known[:-REMEMBERED]

    def first(self, hook_id: str, after: float) -> str | None:
        """The first decision after this moment, epoch seconds; None without any."""
        known = self._of_hooks.get(hook_id, [])
        place = bisect_right(known, after, key=lambda one: one[0])
        return known[place][1] if place < len(known) else None
