"""How the API shows hooks and pending calls. Custom header values are masked; a secret is shown once, when new."""

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

#: the fields in order, each with the function that shows it, None if it is not a field of the hook
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
    plaintext: bool = False,
) -> dict[str, Any]:
    """Return a hook in the form of docs/reference/hooks.md, at `now` (epoch seconds).

    `state` is its observed state. `plaintext` shows its secret, to the caller who has just created or rotated it.

    Of a list over its bound, one item more than the bound is shown: otherwise a page of such hooks would be unbounded.
    """
    seen = Observed(hook, status, state or HookState(hook.id), trouble, now)
    shown = {name: show(getattr(hook, name)) if show else BY_NAME[name].show(seen) for name, show in _SHOWN}
    # These two differ from the record.
    shown["status"], shown["revision"] = status.status, revision
    if plaintext:
        shown["secret"] = hook.secret
    return shown


def shown_attempt(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an attempt in the API's form: also with `webhook_id`, the name that receivers see."""
    return {"webhook_id": attempt["id"], **attempt}


def shown_call(entry: Entry) -> dict[str, Any]:
    """Return a pending call in the API's form, times in epoch milliseconds, without its arguments: users' data."""
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


def shown_task_call(entry: Entry) -> dict[str, Any]:
    """Return a pending call of a task in the API's form, as `shown_call`: without its arguments."""
    call = entry.call()
    return {
        "call_id": entry.id,
        "task": entry.task,
        "state": entry.state,
        "attempt": call.earlier + entry.attempt,
        "due": entry.due,
        "created": call.created,
        "reason": call.reason,
        "last": call.last,
        "source": call.source,
    }


def shown_missed(missed: Missed) -> dict[str, Any]:
    """Return the backlog of a hook in the API's form."""
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
