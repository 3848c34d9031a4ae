"""A hook and a pending call as they are shown: never an own header's value, nor a secret but when it is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from streamhooks.backlog.summary import Missed
from streamhooks.delayed.entries import Entry
from streamhooks.hooks.table import Status
from streamhooks.hooks.trouble import Trouble
from streamhooks.records.hook import CREATABLE, FIELDS, Hook, names_for
from streamhooks.records.hook_state import HookState
from streamhooks.times import iso
from streamhooks.web.http.observed import BY_NAME, COLUMNS, Observed

#: what is shown in its order, and how a field of the hook is
_SHOWN: Final = [
    (one, FIELDS[one].value.shown if one in FIELDS else None)
    for name in dict.fromkeys(("id", "organization_id", "project_ids", *CREATABLE, *names_for("see")))
    for one in (name, *COLUMNS.get(name, ()))
]


def shown_hook(
    hook: Hook,
    status: Status,
    trouble: Trouble | None,
    revision: int,
    now: float,
    *,
    state: HookState | None = None,
    in_clear: bool = False,
) -> dict[str, Any]:
    """Return a hook as docs/reference/hooks.md says, at `now` (epoch seconds).

    `state` is what was found about it. `in_clear` shows its secret, for who has just made it.

    Of what is over its bound one more is shown than there may be: a page of such hooks would have no bound either.
    """
    seen = Observed(hook, status, state or HookState(hook.id), trouble, now)
    shown = {name: show(getattr(hook, name)) if show else BY_NAME[name].show(seen) for name, show in _SHOWN}
    # Not as the record has them.
    shown["status"], shown["revision"] = status.status, revision
    if in_clear:
        shown["secret"] = hook.secret
    return shown


def shown_attempt(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an attempt as they are shown: with its id by the name that receivers see, too."""
    return {"webhook_id": attempt["id"], **attempt}


def shown_call(entry: Entry) -> dict[str, Any]:
    """Return a pending call without its arguments, which hold what users send; times in epoch milliseconds."""
    call = entry.call()
    return {
        "webhook_id": entry.webhook_id,
        "call_id": entry.id,
        "task": call.task,
        "event": call.event,
        "attempt": call.earlier + entry.attempt,
        "due": entry.due,
        "created": call.created,
        "reason": call.reason,
        "state": entry.state,
        "last": call.last,
        "source": call.source,
    }


def shown_missed(missed: Missed) -> dict[str, Any]:
    """Return what a hook has still to get as it is shown."""
    return {
        "records": missed.records,
        "since": iso(missed.since),
        "available_from": iso(missed.available_from),
        "sending": any(one.resume == "all" for one in missed.stretches),
        "stretches": [
            {
                "id": one.id,
                "why": one.why,
                "topic": one.topic,
                "partition": one.partition,
                "next": one.next,
                "end": one.end,
                "sending": one.resume == "all",
            }
            for one in missed.stretches
        ],
    }
