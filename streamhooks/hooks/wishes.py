"""What a record of `hooks` wishes after the one before it: whether it enables, and what it decides.

Who writes hooks without us (GitOps) leaves out when it was enabled and when something was decided, and writes the same
again and again. So a record says something by what the former one said.
"""

from __future__ import annotations

from dataclasses import replace

from streamhooks.hooks.decisions import Decisions
from streamhooks.records.hook import Hook


class Wishes:
    """What follows from the records of each hook and is not in the last one."""

    def __init__(self) -> None:
        self._enabled_before: dict[str, float] = {}
        self._decisions = Decisions()

    def note(self, hook_id: str, former: Hook | None, written: Hook | None, hook: Hook | None) -> None:
        """Take in a record as it was `written`, and the `hook` that it makes after `former`; None if it is deleted."""
        if hook is None or (written is not None and decides(written, former)):
            self._decisions.note(hook_id, hook)
        if former is None or written is None or written.status != "active" or enables(written, former):
            self._enabled_before.pop(hook_id, None)
        elif not written.enabled_at:
            self._enabled_before.setdefault(hook_id, former.enabled_at)

    def enabled_at(self, hook: Hook) -> float:
        """When the hook was enabled, also if its last record only says `active` again, epoch seconds."""
        return self._enabled_before.get(hook.id, hook.enabled_at)

    def decided(self, hook_id: str, after: float) -> str | None:
        """What was decided first after this moment (epoch seconds) about what a hook missed; None if nothing was."""
        return self._decisions.first(hook_id, after)


def enables(written: Hook, former: Hook | None) -> bool:
    """Whether a record enables the hook, which was as `former` before: a step of the wish, or an order.

    A record that only says `active` again is neither.
    """
    if written.status != "active" or former is None or former.status != "active":
        return written.status == "active"
    return _orders(written) or written.enabled_at > former.enabled_at or written.resumed_at > former.resumed_at


def decides(written: Hook, former: Hook | None) -> bool:
    """Whether a record decides about what was missed before it."""
    if _orders(written):
        return True
    if former is None:
        return written.resumed_at > 0.0
    is_step = written.status == "active" and former.status != "active"
    return is_step or written.resumed_at > former.resumed_at


def following(written: Hook, former: Hook | None, timestamp: int) -> Hook:
    """Return the hook as of a record with this timestamp (epoch milliseconds) after the one that made `former`.

    A step to `active` that does not say when it was made, or says what the former record said, was made when the
    record was written; without a `resume` of its own nobody has decided, so what it missed is sent.
    """
    hook, now = written.written_at(timestamp), max(timestamp, 0) / 1000
    if former is None:
        # Who writes without us does not say again what was decided before, and compaction may have removed it: that is
        # not about what comes from now on.
        return hook if written.enabled_at else replace(hook, resumed_at=hook.resumed_at or now)
    if hook.resumed_at > former.resumed_at:
        return hook
    if not decides(written, former):
        return replace(hook, resume=former.resume, resumed_at=former.resumed_at)
    return replace(
        hook,
        enabled_at=hook.enabled_at if hook.enabled_at > former.enabled_at else max(hook.enabled_at, now),
        resume=written.resume if _orders(written) else None,
        resumed_at=max(now, former.resumed_at + 0.001),
    )


def _orders(written: Hook) -> bool:
    """Whether it says what becomes of what was missed, as of when it is written."""
    return written.status == "active" and written.resume is not None and not written.resumed_at
