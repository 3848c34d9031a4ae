"""A hook and a pending call as they are shown: never an own header's value, nor a secret but when it is new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamhooks.backlog.summary import Missed
from streamhooks.delayed.pending import Entry
from streamhooks.hooks.table import Status
from streamhooks.hooks.trouble import Trouble
from streamhooks.masking import MASK
from streamhooks.records.bounds import MAX_EVENTS, MAX_PROJECTS
from streamhooks.records.hook import Hook
from streamhooks.records.rotation import in_force
from streamhooks.records.secret import masked
from streamhooks.times import iso


def shown_hook(
    hook: Hook, status: Status, trouble: Trouble | None, revision: int, now: float, *, in_clear: bool = False
) -> dict[str, Any]:
    """Return a hook as docs/reference/hooks.md says, at `now` (epoch seconds).

    `in_clear` shows its secret, for who has just made it.

    Of what is over its bound one more is shown than there may be: a page of such hooks would have no bound either.
    """
    return {
        "id": hook.id,
        "organization_id": hook.organization_id,
        "project_ids": list(hook.project_ids[: MAX_PROJECTS + 1]),
        "app_id": hook.app_id,
        "name": hook.name,
        "description": hook.description,
        "url": hook.url,
        "events": list(hook.events[: MAX_EVENTS + 1]),
        "secret": hook.secret if in_clear else masked(hook.secret),
        "previous_secrets_until": [iso(former.until) for former in in_force(hook, now)],
        "version": hook.version,
        "status": status.status,
        "status_reason": status.reason,
        "disabled_since": iso(status.disabled_since),
        "failing_since": iso(status.failing_since),
        "paused_until": iso(status.paused_until),
        "breaker": status.breaker,
        "trouble": trouble,
        "headers": None if hook.headers is None else dict.fromkeys(hook.headers, MASK),
        "timeout": hook.timeout,
        "max_in_flight": hook.max_in_flight,
        "rate_limit": hook.rate_limit,
        "retry_schedule": None if hook.retry_schedule is None else list(hook.retry_schedule),
        "date_created": hook.date_created,
        "revision": revision,
    }


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
