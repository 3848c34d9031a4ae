"""What a record of `hooks` means after the previous one: whether it enables the hook, and what it decides.

Programs that write hooks without the API (GitOps) leave out when it was enabled and when something was decided, and
repeat the same record. So the meaning of a record depends on the previous one.
"""

from __future__ import annotations

from dataclasses import replace

from streamhooks.hooks.decisions import Decisions
from streamhooks.records.hook import Hook


class Wishes:
    """What follows from the records of each hook, but is not in the last one."""

    def __init__(self) -> None:
        self._enabled_before: dict[str, float] = {}
        self._decisions = Decisions()

    def note(self, hook_id: str, previous: Hook | None, written: Hook | None, hook: Hook | None) -> None:
        """Take in a record as it was `written`, and the `hook` that follows from it and `previous`; None if deleted."""
        if hook is None or (written is not None and decides(written, previous)):
            self._decisions.note(hook_id, hook)
        if previous is None or written is None or written.status != "active" or enables(written, previous):
            self._enabled_before.pop(hook_id, None)
        elif not written.enabled_at:
            self._enabled_before.setdefault(hook_id, previous.enabled_at)

    def enabled_at(self, hook: Hook) -> float:
        """Return when the hook was enabled, in epoch seconds, even if its last record only repeats `active`."""
        return self._enabled_before.get(hook.id, hook.enabled_at)

    def decided(self, hook_id: str, after: float) -> str | None:
        """Return the first decision after this time (epoch seconds) about a hook's missed records, or None."""
        return self._decisions.first(hook_id, after)


def enables(written: Hook, previous: Hook | None) -> bool:
    """Tell whether a record enables the hook, after `previous`: it changes to `active`, or orders it.

    A record that only repeats `active` does neither.
    """
    if written.status != "active" or previous is None or previous.status != "active":
        return written.status == "active"
    return _orders(written) or written.enabled_at > previous.enabled_at or written.resumed_at > previous.resumed_at


def decides(written: Hook, previous: Hook | None) -> bool:
    """Tell whether a record decides about the records that were missed before it."""
    if _orders(written):
        return True
    if previous is None:
        return written.resumed_at > 0.0
    is_step = written.status == "active" and previous.status != "active"
    return is_step or written.resumed_at > previous.resumed_at


def following(written: Hook, previous: Hook | None, timestamp: int) -> Hook:
    """Return the hook as of a record with this timestamp (epoch milliseconds) after the one that made `previous`.

    A change to `active` without a time, or with the time of the previous record, was made when the record was written.
    Without its own `resume` nobody has decided, so the missed records are sent.
    """
    now = max(timestamp, 0) / 1000
    if previous is None and not written.enabled_at:
        # Programs that write without the API do not repeat an earlier decision, and compaction may have removed it. It
        # does not apply to records that are missed from now on.
        enabled_at = now if written.status == "active" else 0.0
        return replace(written, enabled_at=enabled_at, resumed_at=written.resumed_at or now)
    hook = written.written_at(timestamp)
    if previous is None:
        return hook
    if hook.resumed_at > previous.resumed_at:
        return hook
    if not decides(written, previous):
        return replace(hook, resume=previous.resume, resumed_at=previous.resumed_at)
    return replace(
        hook,
        enabled_at=hook.enabled_at if hook.enabled_at > previous.enabled_at else max(hook.enabled_at, now),
        resume=written.resume if _orders(written) else None,
        resumed_at=max(now, previous.resumed_at + 0.001),
    )


def _orders(written: Hook) -> bool:
    """Tell whether it decides about missed records as of the time when it is written."""
    return written.status == "active" and written.resume is not None and not written.resumed_at
